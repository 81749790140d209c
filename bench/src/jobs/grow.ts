import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DurableIndex } from 'walv'
import { caughtUp } from '../graph.ts'
import type { Job, Metrics } from '../job.ts'
import { LatentVectors } from '../latent-vectors.ts'
import { LoopDelays, turn } from '../loop-delay.ts'
import { emptyIndex } from '../peers/durable-index.ts'
import type { Engine } from '../peers/peer.ts'
import { startVictim, tellKiller } from '../victim.ts'

export interface GrowJob extends Job {
  readonly engine: Engine
  readonly records: number
  /** After so long it is enough, however many there are. */
  readonly growMs: number
  readonly catchUpMs: number
  readonly searchMs: number
}

export interface Grown {
  readonly records: number
  /** The ids that are nearest to each query, nearest first. */
  readonly truth: readonly string[][]
}

export const K = 10
const QUERIES = 50
const CALLERS = 256
const WARM_VECTORS = 4_096
/** What is behind the last checkpoint, and what is behind the one before that. */
const SNAPSHOT_SHARE = 0.9
const FIRST_SNAPSHOT_SHARE = 0.45

/** The queries are vectors that are not in the index. */
export const queriesOf = (vectors: LatentVectors): Float32Array[] =>
  Array.from({ length: QUERIES }, (_, i) => vectors.vector(1e8 + i))

export const idOf = (n: number): string => `doc-${n}`
export const metadataOf = (n: number): { title: string; page: number } => ({
  title: `title ${n % 1000}`,
  page: n % 100,
})

/**
 * Makes an index in a process of its own, which is killed under load: a snapshot of nine tenths of
 * the vectors, and the others only in the log. Tells what the event loop's delays were.
 */
export async function grow(job: GrowJob): Promise<Metrics> {
  const victim = startVictim({ ...job, kind: 'grow-until-killed' })
  const grown = (await victim.next()) as { readonly records: number }
  await victim.kill()
  const vectors = new LatentVectors(job.dimensions)
  const truth = vectors.nearest(grown.records, queriesOf(vectors), K).map((numbers) => numbers.map(idOf))
  return { ...grown, truth } as unknown as Metrics
}

/** Never resolves. */
export async function growUntilKilled(job: GrowJob): Promise<never> {
  const directory = join(job.directory, 'index')
  mkdirSync(directory)
  const index = await DurableIndex.open({
    directory,
    index: await emptyIndex(job.engine, job.dimensions),
    checkpointIntervalEntries: false,
  })
  const delays = { insert: new LoopDelays(), search: new LoopDelays(), checkpoint: new LoopDelays() }
  const growth = new Growth(index, job.dimensions)
  await delays.insert.during(() => growth.until(FIRST_SNAPSHOT_SHARE * job.records, job.growMs / 2))
  await index.checkpoint()
  await delays.insert.during(() => growth.until(SNAPSHOT_SHARE * job.records, job.growMs / 2))
  const isCaughtUp = await caughtUp(index, job.catchUpMs)
  await delays.search.during(() => growth.searchFor(job.searchMs))
  const start = performance.now()
  await delays.checkpoint.during(() => growth.workUntil(index.checkpoint()))
  const checkpointMs = performance.now() - start
  await growth.until(growth.count / SNAPSHOT_SHARE)
  tellKiller({
    records: growth.count,
    insertRate: growth.rate,
    isCaughtUp: Number(isCaughtUp),
    checkpointMs,
    ...Object.fromEntries(
      Object.entries(delays).flatMap(([name, { figures }]) => [
        [`${name}P99Ms`, figures.p99Ms],
        [`${name}MaxMs`, figures.maxMs],
      ]),
    ),
  })
  return growth.workUntil(new Promise<never>(() => {}))
}

/** An index to which vectors come, in the order of their numbers. */
class Growth {
  count = 0
  readonly #index: DurableIndex
  readonly #vectors: LatentVectors
  readonly #queries: readonly Float32Array[]
  #insertMs = 0

  constructor(index: DurableIndex, dimensions: number) {
    this.#index = index
    this.#vectors = new LatentVectors(dimensions)
    this.#queries = queriesOf(this.#vectors)
    // What making vectors costs while V8 has not compiled it is no delay of the index.
    for (let n = 0; n < WARM_VECTORS; n++) this.#vectors.vector(n)
  }

  get rate(): number {
    return (1000 * this.count) / this.#insertMs
  }

  /** At full speed, until there are so many, or until it has taken too long. */
  async until(count: number, limitMs = Number.POSITIVE_INFINITY): Promise<void> {
    const start = performance.now()
    const caller = async (): Promise<void> => {
      while (this.count < count && performance.now() - start < limitMs) {
        const n = this.count++
        await this.#index.insert(idOf(n), this.#vectors.vector(n), metadataOf(n))
      }
    }
    await Promise.all(Array.from({ length: CALLERS }, caller))
    this.#insertMs += performance.now() - start
  }

  async searchFor(ms: number): Promise<void> {
    const end = performance.now() + ms
    for (let i = 0; performance.now() < end; i++) await this.#search(i)
  }

  /** Searches and changes, one at a time, until `end` is there. No vector is added or changed. */
  async workUntil<T>(end: Promise<T>): Promise<T> {
    let isOver = false
    const over = end.finally(() => {
      isOver = true
    })
    for (let i = 0; !isOver; i++) {
      await this.#search(i)
      await this.#index.update(idOf(i % this.count), { metadata: metadataOf(i % this.count) })
    }
    return over
  }

  async #search(i: number): Promise<void> {
    await this.#index.search(this.#queries[i % QUERIES]!, { k: K })
    await turn()
  }
}
