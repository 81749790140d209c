import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { clearTimeout, setTimeout } from '../../clock.ts'
import type { WorkerEngine } from './graph.ts'
import type { AddOutcome, GraphBatch, GraphHost, GraphQuestion, HostEnd, WrittenGraph } from './host.ts'
import type { Answer, Asked, WorkerData } from './messages.ts'
import { guard, NativeGate, unguard } from './native-gate.ts'

interface Waiting {
  readonly resolve: (value: never) => void
  readonly reject: (error: Error) => void
}

/**
 * Within a bundle there is no such file, and where a bundler makes CommonJS of this, not even the
 * URL. The path is put together at run time, so that no bundler takes it for a part of the bundle.
 */
export function fileBeside(url: string | undefined, name: string): string | undefined {
  try {
    const path = join(dirname(url ? fileURLToPath(url) : __filename), ...name.split('/'))
    return existsSync(path) ? path : undefined
  } catch {
    return undefined
  }
}

/** Those that somebody waits for, so that nothing else need hold them. */
const awaited = new Set<WorkerHost>()

/** Ends the thread of an index that was forgotten without being closed. */
const forgotten = new FinalizationRegistry<Worker>((worker) => worker.postMessage(CLOSE))

const CLOSE: Asked = { close: true }
/** A thread that does not heed it is ended all the same. */
const MAX_CLOSE_WAIT_MS = 10_000

/**
 * Graphs in a thread of their own. Once the thread ends, for whatever reason, every question is
 * rejected, and `onEnd` is told why.
 */
export class WorkerHost implements GraphHost {
  /** A message costs about as much as a vector. */
  readonly gatherMs = 5
  readonly #worker: Worker
  readonly #gate: NativeGate
  readonly #exited: Promise<void>
  readonly #waiting = new Map<number, Waiting>()
  readonly #onEnd: (end: HostEnd) => void
  #lastId = 0
  #hasStarted = false
  #isAwaited = false
  #questions = 0
  #end: Error | undefined

  private constructor(worker: Worker, gate: NativeGate, onEnd: (end: HostEnd) => void) {
    this.#worker = worker
    this.#gate = gate
    this.#exited = new Promise((resolve) => worker.once('exit', () => resolve()))
    guard(gate)
    this.#onEnd = onEnd
    // The thread must not keep the index that it belongs to.
    const weak = new WeakRef(this)
    let cause: Error | undefined
    worker.on('message', (answer: Answer) => {
      const host = weak.deref()
      if (host) host.#take(answer)
    })
    worker.on('error', (error) => {
      cause = error
    })
    worker.on('exit', (code) => {
      unguard(gate)
      const host = weak.deref()
      if (host) host.#ended(cause, code)
    })
    worker.unref()
    forgotten.register(this, worker)
  }

  /** Undefined where its file is not there. Whether it does start, `onEnd` tells. */
  static start(engine: WorkerEngine, onEnd: (end: HostEnd) => void): WorkerHost | undefined {
    const file = fileBeside(import.meta.url, 'graph-worker.js')
    if (file === undefined) return undefined
    const gate = new NativeGate()
    const data: WorkerData = { module: engine.module.href, options: engine.options, gate: gate.memory }
    try {
      // Options of the main thread, as `--test` or a loader, are not meant for this one.
      const worker = new Worker(pathToFileURL(file), { workerData: data, execArgv: [], name: 'walv-graph' })
      return new WorkerHost(worker, gate, onEnd)
    } catch {
      return undefined
    }
  }

  add(batch: GraphBatch): Promise<AddOutcome> {
    return this.#send((id) => ({ id, add: batch }), [batch.vectors.buffer])
  }

  nearest(query: Float32Array, questions: readonly GraphQuestion[]): Promise<ArrayLike<number>[]> {
    return this.#ask((id) => ({ id, nearest: query, questions }))
  }

  save(graph: number, path: string): Promise<WrittenGraph | undefined> {
    return this.#ask((id) => ({ id, save: graph, path }))
  }

  load(graph: number, path: string, nextKey: number): Promise<number> {
    return this.#send((id) => ({ id, load: graph, path, nextKey }))
  }

  drop(graph: number): void {
    if (this.#end === undefined) this.#worker.postMessage({ drop: graph } satisfies Asked)
  }

  keepAlive(isAwaited: boolean): void {
    this.#isAwaited = isAwaited
    this.#hold()
  }

  async close(): Promise<void> {
    this.#finish(new Error('the graphs are closed'))
    this.#worker.ref()
    this.#worker.postMessage(CLOSE)
    const timer = setTimeout(() => void this.#worker.terminate(), MAX_CLOSE_WAIT_MS)
    await this.#exited
    clearTimeout(timer)
  }

  /** Ends the thread, as if it had died. For tests. */
  async kill(): Promise<void> {
    this.#gate.shut(MAX_CLOSE_WAIT_MS)
    await this.#worker.terminate()
  }

  /** What its caller waits for. */
  async #ask<T>(asked: (id: number) => Asked): Promise<T> {
    this.#questions++
    this.#hold()
    try {
      return await this.#send(asked)
    } finally {
      this.#questions--
      this.#hold()
    }
  }

  #send<T>(asked: (id: number) => Asked, memory: ArrayBuffer[] = []): Promise<T> {
    if (this.#end) return Promise.reject(this.#end)
    return new Promise<T>((resolve, reject) => {
      const id = ++this.#lastId
      this.#waiting.set(id, { resolve, reject })
      this.#worker.postMessage(asked(id), memory)
    })
  }

  #hold(): void {
    if (this.#end === undefined && (this.#isAwaited || this.#questions > 0)) {
      awaited.add(this)
      this.#worker.ref()
    } else {
      awaited.delete(this)
      this.#worker.unref()
    }
  }

  #take(answer: Answer): void {
    if (answer.id === 0) {
      this.#hasStarted = true
      return
    }
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if ('problem' in answer) waiting?.reject(new Error(answer.problem))
    else waiting?.resolve(answer.value as never)
  }

  #ended(cause: Error | undefined, code: number): void {
    if (this.#end) return
    const error = cause ?? new Error(`it ended with code ${code}`)
    this.#finish(error)
    // One that somebody ended while it started may start the next time.
    this.#onEnd({ error, neverStarted: !this.#hasStarted && cause !== undefined })
  }

  #finish(error: Error): void {
    this.#end ??= error
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
    this.#hold()
  }
}
