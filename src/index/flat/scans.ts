import type { Metric, Neighbour } from '../vector-index.ts'
import { type Chunk, MAX_CHUNK_ROWS } from './chunk.ts'
import { Scan } from './scan.ts'
import type { ScanPlace } from './screen.ts'

/**
 * Bytes of rows that are gone through for one query after the other: they are in the cache of the
 * processor then, for all but the first.
 */
const BLOCK_BYTES = 256 * 1024

/**
 * The scans of several queries, in one pass over the memory. Each finds what it would find alone.
 */
export class Scans {
  readonly #scans: readonly Scan[]
  readonly #blockRows: number

  /** `queries`: one or more, of the same length. */
  constructor(metric: Metric, queries: readonly Float32Array[], k: number, thread: number) {
    const bounds = new Float64Array(MAX_CHUNK_ROWS)
    this.#scans = queries.map((query) => new Scan(metric, query, k, thread, bounds))
    this.#blockRows =
      queries.length > 1
        ? Math.max(1, Math.floor(BLOCK_BYTES / Math.max(1, queries[0]!.byteLength)))
        : MAX_CHUNK_ROWS
  }

  /** Offers so many rows of a chunk from one on to each query, but for those not accepted. */
  rows(
    place: ScanPlace | undefined,
    chunk: Chunk,
    from: number,
    rows: number,
    accept?: (label: number) => boolean,
  ): void {
    const end = from + rows
    for (let at = from; at < end; at += this.#blockRows) {
      const count = Math.min(this.#blockRows, end - at)
      for (const scan of this.#scans) scan.rows(place, chunk, at, count, accept)
    }
  }

  /** What is nearest to each query. */
  found(): Neighbour[][] {
    return this.#scans.map(({ nearest }) => nearest.neighbours())
  }
}
