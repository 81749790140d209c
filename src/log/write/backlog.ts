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
