/**
 * The thread that has an engine's graphs. What is asked comes before what is to be added: a search
 * waits no longer than one step of adding takes.
 */
import { getPriority, setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { setImmediate } from '../../clock.ts'
import type { GraphEngine } from './graph.ts'
import { GraphTable } from './graph-table.ts'
import type { AddOutcome, GraphBatch } from './host.ts'
import type { Answer, Asked, WorkerData } from './messages.ts'
import { NativeGate } from './native-gate.ts'

/**
 * What a graph takes over is found without it: it need not be quick. Where this thread and the main
 * thread want one processor, the main thread has three quarters of it.
 */
const NICENESS = 5
const MAX_NICENESS = 19

yieldToOthers()
const port = parentPort!
const { module, options, gate: memory } = workerData as WorkerData
const gate = new NativeGate(memory)
const table = await withinGate(async () => {
  const { graphEngine } = (await import(module)) as { graphEngine: (options: unknown) => GraphEngine }
  return new GraphTable(graphEngine(options))
})

interface Adding {
  readonly id: number
  readonly batch: GraphBatch
  readonly steps: Generator<void, AddOutcome, void>
}

const queue: Adding[] = []
let isAdding = false

/**
 * On other systems it would be the priority of the whole process, and Deno asks its user for a
 * permission.
 */
function yieldToOthers(): void {
  const { deno, bun } = process.versions
  if (process.platform !== 'linux' || deno !== undefined || bun !== undefined) return
  try {
    // 0 is this thread.
    setPriority(0, Math.min(getPriority(0) + NICENESS, MAX_NICENESS))
  } catch {
    // Not where a sandbox forbids it.
  }
}

async function withinGate<T>(work: () => Promise<T>): Promise<T> {
  gate.enter()
  try {
    return await work()
  } finally {
    gate.leave()
  }
}

function native<T>(work: () => T): T {
  gate.enter()
  try {
    return work()
  } finally {
    gate.leave()
  }
}

const tell = (answer: Answer, memory: ArrayBuffer[] = []): void => port.postMessage(answer, memory)

function step(): void {
  const [first] = queue
  if (first === undefined) {
    isAdding = false
    return
  }
  const { done, value } = native(() => first.steps.next())
  if (done) {
    queue.shift()
    tell({ id: first.id, value }, [value.vectors.buffer])
  }
  // What has come meanwhile is answered first.
  setImmediate(step)
}

function drop(graph: number): void {
  for (const { id, batch } of queue.filter((each) => each.batch.graph === graph))
    tell({ id, value: { failed: [], vectors: batch.vectors } }, [batch.vectors.buffer])
  const others = queue.filter(({ batch }) => batch.graph !== graph)
  queue.splice(0, queue.length, ...others)
  table.drop(graph)
}

type Question = Exclude<Asked, Record<'add', unknown> | Record<'drop', unknown> | Record<'close', unknown>>

function answerTo(asked: Question): unknown {
  if ('nearest' in asked) return table.nearest(asked.nearest, asked.questions)
  if ('save' in asked) return table.save(asked.save, asked.path)
  return table.load(asked.load, asked.path, asked.nextKey)
}

port.on('message', (asked: Asked) => {
  if ('close' in asked) {
    // Between two steps no native code is under way.
    process.exit()
  }
  if ('drop' in asked) {
    drop(asked.drop)
    return
  }
  if ('add' in asked) {
    queue.push({ id: asked.id, batch: asked.add, steps: table.add(asked.add) })
    if (!isAdding) setImmediate(step)
    isAdding = true
    return
  }
  try {
    tell({ id: asked.id, value: native(() => answerTo(asked)) })
  } catch (error) {
    tell({ id: asked.id, problem: (error as Error).message })
  }
})

tell({ id: 0, value: 'ready' })
