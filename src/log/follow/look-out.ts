import { clearTimeout, setTimeout } from '../../clock.ts'
import type { Disk, DiskWatch } from '../../disk/disk.ts'

/** How often to look where the disk tells of changes: it may do so not of all. */
const WATCHED_POLL_MS = 1_000
/** How often where it does not: soon after there was something new, and ever more rarely then. */
const MIN_POLL_MS = 10
const MAX_POLL_MS = 500

/** What a look is for: something has changed; or to find everything that is there. */
export type LookFor = 'what-changed' | 'everything'
/** `'more'`: something new was found, and there may be more, for which it did not look. */
export type Found = 'nothing' | 'something' | 'more'

/**
 * Has somebody look at a directory when something may have changed in it: when the disk says so,
 * and from time to time, more often where the disk says nothing. One look at a time.
 */
export class LookOut {
  readonly #disk: Disk
  readonly #directory: string
  readonly #look: (lookFor: LookFor) => Promise<Found>
  readonly #tells: boolean
  #watch: DiskWatch | undefined
  /** The disk has told of changes, and there was none of which it did not. */
  #isTold = false
  #wasTold = false
  #pollMs = MIN_POLL_MS
  #timer: NodeJS.Timeout | undefined
  #due: LookFor | undefined
  #looking: Promise<void> | undefined
  #closed = false

  /**
   * `look` never rejects. `isTold`: who writes says when there is something, so that nothing has to
   * be watched.
   */
  constructor(disk: Disk, directory: string, isTold: boolean, look: (lookFor: LookFor) => Promise<Found>) {
    this.#disk = disk
    this.#directory = directory
    this.#tells = isTold
    this.#look = look
  }

  start(): void {
    if (!this.#tells) this.#startWatching()
    this.#wait()
  }

  #startWatching(): void {
    try {
      this.#watch = this.#disk.watch?.(this.#directory, () => {
        this.#wasTold = true
        this.#isTold = true
        void this.#lookSoon('what-changed')
      })
      this.#isTold = this.#watch !== undefined
    } catch {
      // No watch is left, or the file system has none: looking from time to time does as well.
    }
  }

  /** Resolves when everything that is there at the call has been looked at. */
  lookNow(): Promise<void> {
    return this.#lookSoon('everything')
  }

  async #lookSoon(lookFor: LookFor): Promise<void> {
    if (this.#closed) return
    if (this.#due !== 'everything') this.#due = lookFor
    this.#looking ??= this.#lookAll().finally(() => {
      this.#looking = undefined
    })
    await this.#looking
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#watch?.close()
    await this.#looking
  }

  async #lookAll(): Promise<void> {
    clearTimeout(this.#timer)
    let found: Found = 'nothing'
    while (this.#due !== undefined && !this.#closed) {
      const lookFor = this.#due
      this.#due = undefined
      found = await this.#look(lookFor)
      const isNew = found !== 'nothing'
      this.#pollMs = isNew ? MIN_POLL_MS : Math.min(2 * this.#pollMs, MAX_POLL_MS)
      // Found by itself: the disk does not tell of everything.
      if (isNew && !this.#wasTold) this.#isTold = false
      this.#wasTold = false
    }
    if (!this.#closed) this.#wait(found === 'more')
  }

  #wait(isMoreThere = false): void {
    const isWatched = (this.#isTold || this.#tells) && !isMoreThere
    const ms = isWatched ? WATCHED_POLL_MS : this.#pollMs
    this.#timer = setTimeout(() => void this.lookNow(), ms).unref()
  }
}
