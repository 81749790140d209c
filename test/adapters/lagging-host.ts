import type { GraphEngine } from '../../src/adapters/graph/graph.ts'
import type {
  AddOutcome,
  GraphBatch,
  GraphHost,
  GraphQuestion,
  HostEnd,
  WrittenGraph,
} from '../../src/adapters/graph/host.ts'
import type { MakeHost } from '../../src/adapters/graph/hosting.ts'
import { LocalHost } from '../../src/adapters/graph/local-host.ts'
import { nextTurn } from '../../src/clock.ts'
import { Random } from '../../src/testing/mod.ts'

export interface LaggingOptions {
  /** A command takes up to so many turns of the event loop. */
  readonly maxTurns: number
  /** One host in two dies, after up to so many commands. Default: none does. */
  readonly maxCommands?: number
}

/** Graphs as a thread has them, which answers late, in order, and may die; the same for a seed. */
export class LaggingHost implements GraphHost {
  readonly gatherMs = 0
  readonly #inner: LocalHost
  readonly #maxTurns: number
  readonly #random: Random
  readonly #onEnd: (end: HostEnd) => void
  #commandsLeft: number
  #last: Promise<unknown> = Promise.resolve()
  #end: Error | undefined

  constructor(
    engine: GraphEngine,
    seed: number,
    { maxTurns, maxCommands }: LaggingOptions,
    onEnd: (end: HostEnd) => void,
  ) {
    this.#inner = new LocalHost(engine)
    // What is behind a batch here waits for it, which in a thread it does not.
    this.#inner.keepAlive(true)
    this.#random = new Random(seed)
    this.#maxTurns = maxTurns
    this.#onEnd = onEnd
    const dies = maxCommands !== undefined && this.#random.chance(0.5)
    this.#commandsLeft = dies ? 1 + this.#random.below(maxCommands) : Number.POSITIVE_INFINITY
  }

  add(batch: GraphBatch): Promise<AddOutcome> {
    return this.#later(() => this.#inner.add(batch))
  }

  nearest(query: Float32Array, questions: readonly GraphQuestion[]): Promise<ArrayLike<number>[]> {
    return this.#later(() => this.#inner.nearest(query, questions))
  }

  save(graph: number, path: string): Promise<WrittenGraph | undefined> {
    return this.#later(() => this.#inner.save(graph, path))
  }

  load(graph: number, path: string, nextKey: number): Promise<number> {
    return this.#later(() => this.#inner.load(graph, path, nextKey))
  }

  drop(graph: number): void {
    this.#later(async () => this.#inner.drop(graph)).catch(() => {})
  }

  keepAlive(): void {}

  async close(): Promise<void> {
    this.#end = new Error('the graphs are closed')
  }

  #later<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(async () => {
      for (let turns = this.#random.below(this.#maxTurns + 1); turns > 0; turns--) await nextTurn()
      if (this.#end) throw this.#end
      if (--this.#commandsLeft === 0) {
        this.#end = new Error('the thread has died')
        this.#onEnd({ error: this.#end, neverStarted: false })
        throw this.#end
      }
      return work()
    })
    this.#last = done.catch(() => {})
    return done
  }
}

/** For an index: one host after the other. */
export function lagging(engine: GraphEngine, options: LaggingOptions, seed = 1): MakeHost {
  let made = 0
  return (onEnd) => new LaggingHost(engine, seed + made++, options, onEnd)
}
