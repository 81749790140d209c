import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { onDropped, type Region } from '../kernel/arena.ts'
import { MAX_THREADS } from '../kernel/kernel.ts'
import type { ScanAnswer, ScanPiece, ScanRequest, ScanTask } from './scan-messages.ts'

/** So many failures in all, and no thread is started any more. */
const MAX_FAILURES = 5

/** The threads that search large indexes, of all indexes of the process together. */
class ScanPool {
  readonly #threads = new Map<number, ScanThread>()
  #failures = 0

  constructor() {
    onDropped(() => this.#retireAll())
  }

  /** How many threads share a search: 0 where none can be had. */
  get size(): number {
    return this.#failures < MAX_FAILURES ? Math.min(availableParallelism(), MAX_THREADS - 1) : 0
  }

  /** Whether no thread has anything to search. */
  get isIdle(): boolean {
    return [...this.#threads.values()].every((thread) => thread.isIdle)
  }

  /**
   * What each of so many threads has found, of the chunks that it took.
   * @throws whatever ends a thread
   */
  search(work: ScanWork, threads: number): Promise<ScanAnswer[]> {
    return Promise.all(Array.from({ length: threads }, (_, at) => this.#thread(at + 1).search(work)))
  }

  /**
   * Threads know each memory that they have searched. Others take their place when they are needed.
   */
  #retireAll(): void {
    for (const thread of this.#threads.values()) thread.retire()
    this.#threads.clear()
  }

  #thread(number: number): ScanThread {
    const found = this.#threads.get(number)
    if (found) return found
    const made = new ScanThread(number, () => {
      if (this.#threads.get(number) !== made) return
      this.#threads.delete(number)
      this.#failures++
    })
    this.#threads.set(number, made)
    return made
  }
}

export const scanPool: ScanPool = new ScanPool()

/** Chunks of one memory. */
export interface RegionPiece extends Omit<ScanPiece, 'region'> {
  readonly region: Region
}

/** What several threads search together. */
export interface ScanWork extends Omit<ScanTask, 'type' | 'id' | 'pieces'> {
  readonly pieces: readonly RegionPiece[]
}

interface Waiting {
  readonly resolve: (answer: ScanAnswer) => void
  readonly reject: (error: unknown) => void
}

class ScanThread {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  /** The memories that it was told of. */
  readonly #known = new WeakSet<Region>()
  #nextId = 0
  #isRetired = false

  constructor(number: number, ended: () => void) {
    this.#worker = new Worker(new URL('./scan-worker.js', import.meta.url), {
      name: 'walv-scan',
      execArgv: [],
      workerData: number,
    })
    const fail = (error: unknown): void => {
      ended()
      for (const { reject } of this.#waiting.values()) reject(error)
      this.#waiting.clear()
    }
    this.#worker.on('error', fail)
    this.#worker.on('exit', (code) => fail(new Error(`A thread that searches ended with code ${code}.`)))
    this.#worker.on('message', (answer: ScanAnswer) => this.#settle(answer))
    this.#worker.unref()
  }

  get isIdle(): boolean {
    return this.#waiting.size === 0
  }

  search({ pieces, ...work }: ScanWork): Promise<ScanAnswer> {
    for (const { region } of pieces) this.#introduce(region)
    const id = this.#nextId++
    const sent = pieces.map(({ region: { number: region }, addresses, rows }) => ({
      region,
      addresses,
      rows,
    }))
    this.#send({ type: 'scan', id, ...work, pieces: sent })
    // Whoever waits for a search keeps the process alive, and nobody else.
    this.#worker.ref()
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  #introduce(region: Region): void {
    if (this.#known.has(region)) return
    this.#known.add(region)
    this.#send({ type: 'memory', region: region.number, memory: region.memory })
  }

  #send(request: ScanRequest): void {
    this.#worker.postMessage(request)
  }

  #settle(answer: ScanAnswer): void {
    this.#waiting.get(answer.id)?.resolve(answer)
    this.#waiting.delete(answer.id)
    this.#rest()
  }

  /** Ends once nobody waits for it. */
  retire(): void {
    this.#isRetired = true
    this.#rest()
  }

  #rest(): void {
    if (this.#waiting.size > 0) return
    if (this.#isRetired) this.#worker.terminate()
    else this.#worker.unref()
  }
}
