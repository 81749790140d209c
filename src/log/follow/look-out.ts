import { clearTimeout, setTimeout } from '../../clock.ts'
import type { Disk, DiskWatch } from '../../disk/disk.ts'

/** How often to look where the disk tells of changes: it may do so not of all. */
const WATCHED_POLL_MS = 1_000
/** How often where it does not: soon after there was something new, and ever more rarely then. */
const MIN_POLL_MS = 10
const MAX_POLL_MS = 500

/**
 * Has somebody look at a directory when something may have changed in it: when the disk says so,
 * and from time to time, more often where the disk says nothing. One look at a time.
 */
export class LookOut {
  readonly #disk: Disk
  readonly #directory: string
  readonly #look: () => Promise<boolean>
  readonly #tells: boolean
  #watch: DiskWatch | undefined
  /** The disk has told of changes, and there was none of which it did not. */
  #isTold = false
  #wasTold = false
  #pollMs = MIN_POLL_MS
  #timer: NodeJS.Timeout | undefined
  #isDue = false
  #looking: Promise<void> | undefined
  #closed = false

  /**
   * `look` answers whether there was anything new, and never rejects. `isTold`: who writes says
   * when there is something, so that nothing has to be watched.
   */
  constructor(disk: Disk, directory: string, isTold: boolean, look: () => Promise<boolean>) {
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
        void this.lookNow()
      })
      this.#isTold = this.#watch !== undefined
    } catch {
      // No watch is left, or the file system has none: looking from time to time does as well.
    }
  }

  /** Resolves when everything that is there at the call has been looked at. */
  async lookNow(): Promise<void> {
    if (this.#closed) return
    this.#isDue = true
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
    while (this.#isDue && !this.#closed) {
      this.#isDue = false
      const isNew = await this.#look()
      this.#pollMs = isNew ? MIN_POLL_MS : Math.min(2 * this.#pollMs, MAX_POLL_MS)
      // Found by itself: the disk does not tell of everything.
      if (isNew && !this.#wasTold) this.#isTold = false
      this.#wasTold = false
    }
    if (!this.#closed) this.#wait()
  }

  #wait(): void {
    const ms = this.#isTold || this.#tells ? WATCHED_POLL_MS : this.#pollMs
    this.#timer = setTimeout(() => void this.lookNow(), ms).unref()
  }
}
