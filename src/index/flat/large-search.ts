import { monotonicMs, nextTurn } from '../../clock.ts'
import { assert } from '../../errors.ts'
import type { LabelMap } from '../label-map.ts'
import type { Metric, Neighbour } from '../vector-index.ts'
import type { FlatStorage } from './flat-storage.ts'
import { Scan } from './scan.ts'
import type { NearestFound } from './scan-messages.ts'
import { type RegionPiece, scanPool } from './scan-pool.ts'
import { Scans } from './scans.ts'

/**
 * So many more are looked for than were asked for: those that were written meanwhile are left out
 * of the answer and measured again.
 */
const SPARE = 16
/** After so long the event loop has its turn. */
const STEP_MS = 2
/**
 * Rows between two looks at the clock where a filter is asked, which may be about each, and may
 * take its time.
 */
const FILTERED_ROWS = 128

/**
 * A search for what is nearest to each of some queries that leaves the process its event loop: in
 * other threads, or where there are none, and where a filter has to be asked, in steps. The index
 * may change meanwhile. The answers are of the state at its end: what was written since the
 * beginning is measured then.
 */
export class LargeSearch {
  readonly #storage: FlatStorage
  readonly #slots: LabelMap<number>
  readonly #metric: Metric
  readonly #queries: readonly Float32Array[]
  readonly #k: number

  /** `slots` has the slot of every label. */
  constructor(
    storage: FlatStorage,
    slots: LabelMap<number>,
    metric: Metric,
    queries: readonly Float32Array[],
    k: number,
  ) {
    this.#storage = storage
    this.#slots = slots
    this.#metric = metric
    this.#queries = queries
    this.#k = k
  }

  /**
   * The answer to each query; undefined where so much was written meanwhile that it might miss
   * something.
   */
  async run(accept?: (label: number) => boolean): Promise<(Neighbour[] | undefined)[]> {
    const written = this.#storage.watch()
    try {
      const found = accept
        ? await this.#inSteps(accept)
        : await this.#inThreads().catch(() => this.#inSteps())
      return this.#queries.map((query, at) =>
        this.#atTheEnd(
          query,
          found.map((each) => each[at]!),
          written,
          accept,
        ),
      )
    } finally {
      this.#storage.unwatch(written)
    }
  }

  /** Returns what each thread found. */
  async #inThreads(): Promise<readonly Found[]> {
    const { chunks } = this.#storage
    const pieces = piecesOf(this.#storage)
    const next = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
    // Of several searches at a time one takes part, and many queries take too long for a step: the
    // event loop would stop.
    const takesPart = scanPool.isIdle && this.#queries.length === 1
    const work = { metric: this.#metric, queries: this.#queries, k: this.#wanted, pieces, next }
    const answering = scanPool.search(work, Math.min(scanPool.size, chunks.length))
    // Handled below, too: by then it may have been rejected.
    answering.catch(() => {})
    const own = takesPart ? [this.#takePart(next)] : []
    const answers = await answering
    return [...own, ...answers.map(({ found }) => found.map(neighboursOf))]
  }

  /** Searches for one step while threads wake up: that takes them a tenth of a millisecond. */
  #takePart(next: Int32Array): Found {
    const storage = this.#storage
    const { chunks } = storage
    const scans = this.#scans()
    const beganAt = monotonicMs()
    while (monotonicMs() - beganAt < STEP_MS) {
      const number = Atomics.add(next, 0, 1)
      const chunk = chunks[number]
      if (chunk === undefined) break
      scans.rows(chunk.block.region, chunk, 0, storage.rowsIn(number))
    }
    return scans.found()
  }

  async #inSteps(accept?: (label: number) => boolean): Promise<readonly Found[]> {
    const storage = this.#storage
    const scans = this.#scans()
    const { rowsPerChunk } = storage
    const counts = storage.chunks.map((_, number) => storage.rowsIn(number))
    const stepRows = accept || this.#queries.length > 1 ? FILTERED_ROWS : rowsPerChunk
    let beganAt = monotonicMs()
    for (const [number, chunk] of [...storage.chunks].entries()) {
      const rows = counts[number]!
      for (let row = 0; row < rows; row += stepRows) {
        if (monotonicMs() - beganAt >= STEP_MS) {
          await nextTurn()
          beganAt = monotonicMs()
        }
        scans.rows(chunk.block.region, chunk, row, Math.min(stepRows, rows - row), accept)
      }
    }
    return [scans.found()]
  }

  #scans(): Scans {
    return new Scans(this.#metric, this.#queries, this.#wanted, 0)
  }

  get #wanted(): number {
    return Math.min(this.#k + SPARE, this.#storage.count)
  }

  #atTheEnd(
    query: Float32Array,
    found: readonly (readonly Neighbour[])[],
    written: ReadonlySet<number>,
    accept?: (label: number) => boolean,
  ): Neighbour[] | undefined {
    const storage = this.#storage
    const scan = new Scan(this.#metric, query, Math.min(this.#k, storage.count), 0)
    for (const neighbours of found) {
      const standing = neighbours.filter(({ label }) => this.#isStanding(label, written))
      if (neighbours.length - standing.length > SPARE) return undefined
      for (const { distance, label } of standing) scan.nearest.offer(distance, label)
    }
    for (const slot of written) {
      if (slot >= storage.count) continue
      const chunk = storage.chunkOf(slot)
      const row = slot % storage.rowsPerChunk
      if (!accept || accept(chunk.labels[row]!)) scan.row(chunk, row)
    }
    return scan.nearest.neighbours()
  }

  /** What was removed or written meanwhile may have been read in any state. */
  #isStanding(label: number, written: ReadonlySet<number>): boolean {
    const slot = this.#slots.get(label)
    return slot !== undefined && !written.has(slot)
  }
}

/** What is nearest to each query, of some of the chunks. */
type Found = readonly (readonly Neighbour[])[]

const neighboursOf = ({ labels, distances }: NearestFound): Neighbour[] =>
  Array.from(labels, (label, at) => ({ label, distance: distances[at]! }))

/**
 * All chunks, in their order.
 * @throws where there are no threads, or memory that they cannot share
 */
function piecesOf(storage: FlatStorage): RegionPiece[] {
  const { chunks } = storage
  assert(scanPool.size > 0, 'there are no threads')
  const pieces: RegionPiece[] = []
  for (let start = 0; start < chunks.length; ) {
    const { region } = chunks[start]!.block
    assert(region !== undefined, 'there is memory that threads do not share')
    let end = start
    while (end < chunks.length && chunks[end]!.block.region === region) end++
    pieces.push({
      region,
      addresses: Int32Array.from({ length: end - start }, (_, at) => chunks[start + at]!.address),
      rows: Int32Array.from({ length: end - start }, (_, at) => storage.rowsIn(start + at)),
    })
    start = end
  }
  return pieces
}
