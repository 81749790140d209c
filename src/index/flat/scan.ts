import type { Metric } from '../vector-index.ts'
import { type Chunk, MAX_CHUNK_ROWS } from './chunk.ts'
import { Distances, MAX_ROWS } from './distance.ts'
import { type ScanPlace, Screen } from './screen.ts'
import { TopK } from './top-k.ts'

/** A search through chunks: bounds leave out most of the rows, the others are measured exactly. */
export class Scan {
  readonly nearest: TopK
  readonly #distances: Distances
  readonly #screen: Screen
  readonly #bounds: Float64Array
  readonly #rows = new Int32Array(MAX_ROWS)
  readonly #measured = new Float64Array(MAX_ROWS)

  /**
   * Finds at most `k`; memory is taken for so many. `thread` is 0 for the main one. `bounds`:
   * memory for those of a chunk, of which nothing is expected from one call to the next.
   */
  constructor(
    metric: Metric,
    query: Float32Array,
    k: number,
    thread: number,
    bounds: Float64Array = new Float64Array(MAX_CHUNK_ROWS),
  ) {
    this.#bounds = bounds
    this.nearest = new TopK(k)
    this.#distances = new Distances(metric, query)
    this.#screen = new Screen(metric, query, thread)
  }

  /** Offers so many rows of a chunk from one on, but for those that are not accepted. */
  rows(
    place: ScanPlace | undefined,
    chunk: Chunk,
    from: number,
    rows: number,
    accept?: (label: number) => boolean,
  ): void {
    const bounds = this.#bounds
    if (place && this.#screen.isOfUse) this.#screen.bound(place, chunk, from, rows, bounds)
    else bounds.fill(Number.NaN, 0, rows)
    const list = this.#rows
    const { labels } = chunk
    let count = 0
    for (let row = 0; row < rows; row++) {
      if (bounds[row]! > this.nearest.limit || (accept && !accept(labels[from + row]!))) continue
      list[count++] = from + row
      if (count === MAX_ROWS) {
        this.#offer(chunk, count)
        count = 0
      }
    }
    this.#offer(chunk, count)
  }

  /** Offers one row. */
  row(chunk: Chunk, row: number): void {
    this.#rows[0] = row
    this.#offer(chunk, 1)
  }

  #offer({ vectors, labels }: Chunk, count: number): void {
    const measured = this.#measured
    this.#distances.measure(vectors, this.#rows, count, measured)
    for (let i = 0; i < count; i++) {
      const distance = measured[i]!
      if (!(distance > this.nearest.limit)) this.nearest.offer(distance, labels[this.#rows[i]!]!)
    }
  }
}
