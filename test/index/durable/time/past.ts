/** An index with a past of every kind of change, and what it was after each of them. */
import {
  DurableIndex,
  type DurableIndexOptions,
  flat,
  Random,
  SimulatedDisk,
  type VectorIndex,
} from '../../../support/kit.ts'

export const DIRECTORY = '/log'
export const DIMENSIONS = 3

export const vectors = (): VectorIndex => flat({ dimensions: DIMENSIONS, metric: 'l2' })

/** One change of an index in the way of its number, and checkpoints now and then. */
export class Past {
  readonly disk: SimulatedDisk
  readonly index: DurableIndex
  /** By sequence number, what the index was right after it. */
  readonly states = new Map<number, string>()
  /** The same, as what each id held. */
  readonly contents = new Map<number, ReadonlyMap<string, string>>()
  readonly #random: Random
  readonly #ids = ['a', 'b', 'c', 'd', 'e', 'f']

  constructor(disk: SimulatedDisk, index: DurableIndex, seed: number) {
    this.disk = disk
    this.index = index
    this.#random = new Random(seed)
    this.states.set(-1, '0'.repeat(32))
    this.contents.set(-1, new Map())
    this.note()
  }

  static async open(
    seed: number,
    options: Partial<DurableIndexOptions> = {},
    disk: SimulatedDisk = new SimulatedDisk({ seed }),
  ): Promise<Past> {
    const index = await DurableIndex.open({
      directory: DIRECTORY,
      disk,
      index: vectors(),
      checkpointIntervalEntries: false,
      checkpointRetention: 3,
      ...options,
    })
    return new Past(disk, index, seed)
  }

  note(): void {
    const { lastSeq } = this.index.stats()
    this.states.set(lastSeq, this.index.fingerprint())
    this.contents.set(lastSeq, contentOf(this.index))
  }

  /** What the index was after a record, in the middle of a transaction too. */
  after(seq: number): string {
    return latest(this.states, seq)
  }

  contentAfter(seq: number): ReadonlyMap<string, string> {
    return latest(this.contents, seq)
  }

  async change(count: number): Promise<void> {
    for (let done = 0; done < count; done++) {
      await this.#changeOnce().catch((error) => {
        if (!['WALV_NOT_FOUND', 'WALV_DUPLICATE_ID'].includes(error.code)) throw error
      })
      this.note()
    }
  }

  #vector(): number[] {
    return Array.from({ length: DIMENSIONS }, () => this.#random.below(100))
  }

  #id(): string {
    return this.#random.pick(this.#ids)
  }

  async #changeOnce(): Promise<void> {
    const { index } = this
    const metadata = { n: this.#random.below(1000) }
    switch (this.#random.below(7)) {
      case 0:
        return index.insert(this.#id(), this.#vector(), metadata)
      case 1:
        return index.update(this.#id(), { vector: this.#vector() })
      case 2:
        return index.update(this.#id(), { metadata })
      case 3:
        await index.delete(this.#id())
        return
      case 4:
        return index.batch([
          { type: 'upsert', id: this.#id(), vector: this.#vector(), metadata },
          { type: 'delete', id: this.#id() },
        ])
      case 5:
        return index.transaction(async (transaction) => {
          await transaction.upsert(this.#id(), this.#vector(), metadata)
          await transaction.delete(this.#id())
        })
      default:
        return index.upsert(this.#id(), this.#vector(), metadata)
    }
  }
}

function latest<T>(by: ReadonlyMap<number, T>, seq: number): T {
  for (let at = seq; ; at--) {
    const found = by.get(at)
    if (found !== undefined) return found
  }
}

/** By id, the vector and the metadata. */
export const contentOf = (index: DurableIndex): Map<string, string> =>
  new Map(
    Array.from(index.entries(), ([id, { vector, metadata }]) => [
      id,
      JSON.stringify([[...vector], metadata]),
    ]),
  )
