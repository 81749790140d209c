import { monotonicMs, nextTurn } from '../../clock.ts'
import { assert } from '../../errors.ts'
import type { LabelMap } from '../label-map.ts'
import type { Metric, Neighbour } from '../vector-index.ts'
import type { FlatStorage } from './flat-storage.ts'
import { Scan } from './scan.ts'
import { type RegionPiece, scanPool } from './scan-pool.ts'

/**
 * So many more are looked for than were asked for: those that were written meanwhile are left out
 * of the answer and measured again.
 */
const SPARE = 64
/**
 * After so long the event loop has its turn, where no thread searches: a filter may take its time.
 */
const STEP_MS = 2

/**
 * A search that leaves the process its event loop: in other threads, or where there are none, and
 * where a filter has to be asked, in steps. The index may change meanwhile. The answer is of the
 * state at its end: what was written since the beginning is measured then.
 */
export class LargeSearch {
  readonly #storage: FlatStorage
  readonly #slots: LabelMap<number>
  readonly #metric: Metric
  readonly #query: Float32Array
  readonly #k: number

  /** `slots` has the slot of every label. */
  constructor(storage: FlatStorage, slots: LabelMap<number>, metric: Metric, query: Float32Array, k: number) {
    this.#storage = storage
    this.#slots = slots
    this.#metric = metric
    this.#query = query
    this.#k = k
  }

  /** Undefined where so much was written meanwhile that the answer might miss something. */
  async run(accept?: (label: number) => boolean): Promise<Neighbour[] | undefined> {
    const written = this.#storage.watch()
    try {
      const found = accept
        ? await this.#inSteps(accept)
        : await this.#inThreads().catch(() => this.#inSteps())
      return this.#atTheEnd(found, written, accept)
    } finally {
      this.#storage.unwatch(written)
    }
  }

  async #inThreads(): Promise<readonly Found[]> {
    const shares = sharesOf(this.#storage, scanPool.size)
    const answers = await scanPool.search(this.#metric, this.#query, this.#wanted, shares)
    return answers.map(({ labels, distances }) =>
      Array.from(labels, (label, at) => ({ label, distance: distances[at]! })),
    )
  }

  async #inSteps(accept?: (label: number) => boolean): Promise<readonly Found[]> {
    const storage = this.#storage
    const scan = new Scan(this.#metric, this.#query, this.#wanted, 0)
    const rows = storage.chunks.map((_, number) => storage.rowsIn(number))
    let beganAt = monotonicMs()
    for (const [number, chunk] of [...storage.chunks].entries()) {
      if (monotonicMs() - beganAt >= STEP_MS) {
        await nextTurn()
        beganAt = monotonicMs()
      }
      scan.rows(chunk.block.region, chunk, 0, rows[number]!, accept)
    }
    return [scan.nearest.neighbours()]
  }

  get #wanted(): number {
    return Math.min(this.#k + SPARE, this.#storage.count)
  }

  #atTheEnd(
    found: readonly Found[],
    written: ReadonlySet<number>,
    accept?: (label: number) => boolean,
  ): Neighbour[] | undefined {
    const storage = this.#storage
    const scan = new Scan(this.#metric, this.#query, Math.min(this.#k, storage.count), 0)
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

type Found = readonly Neighbour[]

/**
 * The chunks in so many shares of about the same size.
 * @throws where there are no threads, or memory that they cannot share
 */
function sharesOf(storage: FlatStorage, count: number): RegionPiece[][] {
  assert(count > 0, 'there are no threads')
  const perShare = Math.ceil(storage.chunks.length / count)
  const shares: RegionPiece[][] = []
  for (let from = 0; from < storage.chunks.length; from += perShare)
    shares.push(shareOf(storage, from, Math.min(from + perShare, storage.chunks.length)))
  return shares
}

function shareOf(storage: FlatStorage, from: number, to: number): RegionPiece[] {
  const pieces: RegionPiece[] = []
  for (let start = from; start < to; ) {
    const { region } = storage.chunks[start]!.block
    assert(region !== undefined, 'there is memory that threads do not share')
    let end = start
    while (end < to && storage.chunks[end]!.block.region === region) end++
    pieces.push({
      region,
      addresses: Int32Array.from({ length: end - start }, (_, at) => storage.chunks[start + at]!.address),
      rows: Int32Array.from({ length: end - start }, (_, at) => storage.rowsIn(start + at)),
    })
    start = end
  }
  return pieces
}
