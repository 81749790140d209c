import { setImmediate } from '../../clock.ts'
import type { GraphEngine } from './graph.ts'
import { GraphTable } from './graph-table.ts'
import type { AddOutcome, GraphBatch, GraphHost, GraphQuestion, WrittenGraph } from './host.ts'

/** The graphs in this thread: each step of the work blocks it, with a turn of its loop between. */
export class LocalHost implements GraphHost {
  readonly gatherMs = 0
  readonly #table: GraphTable
  #isAwaited = false
  #isClosed = false
  /** The batches in hand, in their order. */
  #last: Promise<unknown> = Promise.resolve()
  #turn: NodeJS.Immediate | undefined

  constructor(engine: GraphEngine) {
    this.#table = new GraphTable(engine)
  }

  add(batch: GraphBatch): Promise<AddOutcome> {
    const done = this.#last.then(() => this.#add(batch))
    this.#last = done.catch(() => {})
    return done
  }

  async nearest(query: Float32Array, questions: readonly GraphQuestion[]): Promise<ArrayLike<number>[]> {
    return this.#open().nearest(query, questions)
  }

  async save(graph: number, path: string): Promise<WrittenGraph | undefined> {
    return this.#open().save(graph, path)
  }

  async load(graph: number, path: string, nextKey: number): Promise<number> {
    return this.#open().load(graph, path, nextKey)
  }

  drop(graph: number): void {
    // What is on its way to it is added to a graph that nobody asks.
    this.#last.then(() => this.#table.drop(graph))
  }

  keepAlive(isAwaited: boolean): void {
    this.#isAwaited = isAwaited
    if (isAwaited) this.#turn?.ref()
    else this.#turn?.unref()
  }

  async close(): Promise<void> {
    this.#isClosed = true
  }

  async #add(batch: GraphBatch): Promise<AddOutcome> {
    const steps = this.#table.add(batch)
    for (;;) {
      await this.#nextTurn()
      this.#open()
      const { done, value } = steps.next()
      if (done) return value
    }
  }

  /** A loop that has nothing else to do ends, unless somebody waits. */
  #nextTurn(): Promise<void> {
    return new Promise((resolve) => {
      this.#turn = setImmediate(() => {
        this.#turn = undefined
        resolve()
      })
      if (!this.#isAwaited) this.#turn.unref()
    })
  }

  #open(): GraphTable {
    if (this.#isClosed) throw new Error('the graphs are closed')
    return this.#table
  }
}
