import { ignoreMissing } from '../../disk/directories.ts'
import type { Disk } from '../../disk/disk.ts'
import { changeNames } from '../../disk/names.ts'
import type { DirectoryLock } from '../directory-lock.ts'
import { segmentPath } from '../layout.ts'
import { createSegment, type OpenSegment } from './segments.ts'

/**
 * Makes the segments that a log goes on in, ahead of time where it can, so that no append waits for
 * zeros to be written.
 */
export class SegmentSupply {
  readonly #disk: Disk
  readonly #directory: string
  readonly #lock: DirectoryLock
  #prepared: Promise<OpenSegment | undefined> | undefined
  /** What is being made ahead, or was, and was not taken yet. */
  #underWay: { readonly number: number; readonly capacity: number } | undefined
  /** The number of the last segment that could not be prepared. */
  #failed: number | undefined
  /**
   * The number of a segment that nobody uses and that may still be there: no other of it can be
   * made until it is gone.
   */
  #remains: number | undefined

  constructor(disk: Disk, directory: string, lock: DirectoryLock) {
    this.#disk = disk
    this.#directory = directory
    this.#lock = lock
  }

  /**
   * Begins to make the segment that is likely to come next, if none is being made. Tried once: a
   * full disk is not filled with zeros after every group. `zeroed`: see `createSegment`.
   */
  prepare(number: number, capacity: number, zeroed: boolean): void {
    if (number === this.#failed || this.#prepared) return
    this.#underWay = { number, capacity }
    this.#prepared = this.#prepare(number, capacity, zeroed).catch(() => {
      // Preparing is upkeep: the segment is made when it is needed, and an error then belongs to an
      // append.
      this.#prepared = undefined
      this.#underWay = undefined
      this.#failed = number
      return undefined
    })
  }

  /** The capacity of the segment of this number that is made ahead, if it is. */
  underWay(number: number): number | undefined {
    return this.#underWay?.number === number ? this.#underWay.capacity : undefined
  }

  /** Into a directory that is another writer's by now, nothing is put. */
  async #prepare(number: number, capacity: number, zeroed: boolean): Promise<OpenSegment | undefined> {
    if (await this.#lock.look()) return undefined
    return this.#make(number, capacity, zeroed)
  }

  async #make(number: number, capacity: number, zeroed: boolean): Promise<OpenSegment> {
    if (number === this.#remains) await this.#removeRemains(number)
    const remains = (): void => {
      this.#remains = number
    }
    return createSegment(this.#disk, this.#directory, number, capacity, { zeroed, remains })
  }

  async #removeRemains(number: number): Promise<void> {
    const path = segmentPath(this.#directory, number)
    await changeNames(this.#disk, this.#directory, () => this.#disk.remove(path).catch(ignoreMissing))
    this.#remains = undefined
  }

  /** A segment of this number with at least this capacity. */
  async take(number: number, capacity: number): Promise<OpenSegment> {
    const prepared = await this.#prepared
    // One that was closed to be removed is not used, though removing it has failed.
    if (prepared?.number === number && prepared.capacity >= capacity && number !== this.#remains) {
      this.#prepared = undefined
      this.#underWay = undefined
      return prepared
    }
    await this.discard()
    return this.#make(number, capacity, false)
  }

  /**
   * Removes what was prepared and not taken; not from a directory that is another writer's by now.
   */
  async discard(): Promise<void> {
    const prepared = await this.#prepared
    if (prepared) {
      this.#remains = prepared.number
      // Nothing was written to it that matters: nor does what closing answers.
      await prepared.file.close().catch(() => {})
      if (!(await this.#lock.look())) await this.#removeRemains(prepared.number)
    }
    // Not before it is gone: as long as it is there, none of its number can be made.
    this.#prepared = undefined
    this.#underWay = undefined
  }
}
