/**
 * How a record gets on. `lazy`: it does not ask to be written, but goes with what does, or once the
 * log is idle, or too much waits. `exempt`: it is not refused for the bytes that wait, so that what
 * holds something can always end. Of those no more than two for each open transaction, of some 50
 * bytes, and one checkpoint can wait.
 */
export type Urgency = 'usual' | 'lazy' | 'exempt'

/** The bytes that were appended and are not acknowledged yet, and who waits for fewer of them. */
export class Backlog {
  bytes = 0
  readonly #maxBytes: number
  #waiting: (() => void)[] = []

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** One append is taken in any case, however large it is. */
  hasRoomFor(bytes: number): boolean {
    return this.bytes === 0 || this.bytes + bytes <= this.#maxBytes
  }

  get isHalfFull(): boolean {
    return this.bytes > this.#maxBytes / 2
  }

  /** Resolves at the next `tell`. */
  drained(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** There are fewer now, and those whose bytes they were have been answered. */
  tell(): void {
    if (this.#waiting.length === 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
