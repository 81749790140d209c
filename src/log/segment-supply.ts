import type { Disk } from '../disk/disk.ts'
import { createSegment, type OpenSegment } from './segments.ts'
import { syncNames } from './sync-names.ts'

/** Makes the segments that a log goes on in, ahead of time where it can, so that no append waits for zeros to be written. */
export class SegmentSupply {
  readonly #disk: Disk
  readonly #directory: string
  #prepared: Promise<OpenSegment | undefined> | undefined

  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#directory = directory
  }

  /** Begins to make the segment that is likely to come next, if none is being made. `zeroed`: see `createSegment`. */
  prepare(number: number, capacity: number, zeroed: boolean): void {
    this.#prepared ??= createSegment(this.#disk, this.#directory, number, capacity, { zeroed }).catch(() => {
      // Preparing is upkeep: the segment is made when it is needed, and an error then belongs to an append.
      this.#prepared = undefined
      return undefined
    })
  }

  /** A segment of this number with at least this capacity. */
  async take(number: number, capacity: number): Promise<OpenSegment> {
    const prepared = await this.#prepared
    if (prepared?.number === number && prepared.capacity >= capacity) {
      this.#prepared = undefined
      return prepared
    }
    await this.discard()
    return createSegment(this.#disk, this.#directory, number, capacity, { zeroed: false })
  }

  /** Removes what was prepared and not taken. */
  async discard(): Promise<void> {
    const prepared = await this.#prepared
    this.#prepared = undefined
    if (!prepared) return
    await prepared.file.close()
    await syncNames(this.#disk, this.#directory, () => this.#disk.remove(prepared.path))
  }
}
