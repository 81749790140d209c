import type { DiskLock } from '../../disk/disk.ts'
import { WalError } from '../../errors.ts'
import type { Cursor } from '../cursor-types.ts'
import { wholeNumber } from '../options.ts'
import type { CursorContent, CursorPlace } from './cursor-file.ts'
import { CursorReading } from './cursor-reading.ts'
import type { CursorStore } from './cursor-store.ts'

/** What a cursor needs of whoever has opened it. */
export interface CursorOwner {
  readonly directory: string
  /** Resolves to the number before which the log is on stable storage; puts it there if it may. */
  syncedBefore(before: number): Promise<number>
  /** It is closed. */
  closed(cursor: NamedCursor): void
}

/**
 * A cursor that is open: its file, and the lock of it. One move at a time, and never back. What was
 * told may be committed, and nothing else: so nothing is passed over.
 */
export class NamedCursor implements Cursor {
  readonly name: string
  readonly #store: CursorStore
  readonly #lock: DiskLock
  readonly #owner: CursorOwner
  #content: CursorContent
  #reading: CursorReading
  #moving: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined

  constructor(store: CursorStore, lock: DiskLock, content: CursorContent, owner: CursorOwner) {
    this.name = content.name
    this.#store = store
    this.#lock = lock
    this.#content = content
    this.#owner = owner
    this.#reading = new CursorReading(content.name, content)
  }

  get position(): number {
    return this.#content.position
  }

  /**
   * @internal Reads on behind the committed position. Of several that read, the one that began last
   * moves it.
   * @throws WALV_CLOSED; WALV_INVALID_OPTION where it is of another log than the one in `directory`
   */
  read(directory: string): CursorReading {
    this.#needOpen()
    if (directory !== this.#owner.directory)
      throw new WalError(
        'WALV_INVALID_OPTION',
        `The cursor ${this.name} is of the log in ${this.#owner.directory}, and this one is in ${directory}. Open one here.`,
      )
    this.#reading = new CursorReading(this.name, this.#content)
    return this.#reading
  }

  async commit(seq?: number): Promise<void> {
    this.#needOpen()
    const reading = this.#reading
    const place = seq === undefined ? reading.asked : this.#placeAt(wholeNumber('seq', seq, 0), reading)
    const moved = this.#moving.then(() => this.#move(place, reading))
    this.#moving = moved.catch(() => {})
    return moved
  }

  #placeAt(seq: number, reading: CursorReading): CursorPlace {
    const { position } = reading.place
    if (seq <= this.position) return this.#content
    if (seq <= position) return reading.at(seq)
    throw new WalError(
      'WALV_INVALID_OPTION',
      `The cursor ${this.name} cannot be moved to record ${seq}: what was told of the log ends with ${position}. To pass something over, drop the cursor and open it anew with from.`,
      { seq },
    )
  }

  async #move(place: CursorPlace, reading: CursorReading): Promise<void> {
    const synced = (await this.#owner.syncedBefore(place.position + 1)) - 1
    const reached = synced < place.position ? reading.at(Math.max(synced, this.position)) : place
    if (reached.position <= this.position) return
    await this.#needLock()
    const { position, replayFrom } = reached
    const content = { ...this.#content, position, replayFrom }
    await this.#store.write(content)
    this.#content = content
    reading.forget(content)
  }

  close(): Promise<void> {
    this.#closing ??= this.#moving.then(async () => {
      this.#owner.closed(this)
      // The lock goes with the descriptor whatever closing that answers.
      await this.#lock.release().catch(() => {})
    })
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Whose lock is lost may find another reader's position under its name. */
  async #needLock(): Promise<void> {
    if (await this.#lock.isStillHeld()) return
    throw new WalError(
      'WALV_LOCK_LOST',
      `The lock of the cursor ${this.name} of the log in ${this.#owner.directory} is not the one that was taken: its file, or the folder, was removed or replaced. Its position was not moved. Close it, see that nobody else uses the name, and open it again.`,
      { file: this.#store.pathOf(this.name) },
    )
  }

  #needOpen(): void {
    if (this.#closing)
      throw new WalError(
        'WALV_CLOSED',
        `The cursor ${this.name} is closed. Open it again to go on from there.`,
      )
  }
}
