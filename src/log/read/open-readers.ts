/** So many are kept before any is looked for that has ended. */
const MIN_SWEEP = 64

/** What reads a log, until it has come to its end or the log is closed. */
interface Reader {
  readonly isOpen: boolean
  close(): Promise<void>
}

/** The readers of an open log, as long as anybody else holds them. Closing the log ends them. */
export class OpenReaders {
  #readers: WeakRef<Reader>[] = []
  /** Collected ones are left out when there are so many again. */
  #sweepAt = MIN_SWEEP

  add<R extends Reader>(reader: R): R {
    this.#readers.push(new WeakRef(reader))
    if (this.#readers.length >= this.#sweepAt) {
      this.#readers = this.#readers.filter((each) => each.deref()?.isOpen)
      this.#sweepAt = Math.max(MIN_SWEEP, 2 * this.#readers.length)
    }
    return reader
  }

  async close(): Promise<void> {
    const readers = this.#readers
    this.#readers = []
    await Promise.all(readers.map((each) => each.deref()?.close()))
  }
}
