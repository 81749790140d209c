/** From so many places that were left empty on, the rest is moved to the front. */
const MOVE_FROM = 1024

/**
 * First in, first out, in constant time however many wait: `Array.shift` moves all that are left.
 */
export class Fifo<T> {
  #items: (T | undefined)[] = []
  #head = 0

  get size(): number {
    return this.#items.length - this.#head
  }

  get first(): T | undefined {
    return this.#items[this.#head]
  }

  push(item: T): void {
    this.#items.push(item)
  }

  /** Removes the first. */
  shift(): void {
    this.#items[this.#head++] = undefined
    // No more are moved than were removed since the last time.
    if (this.#head < MOVE_FROM || this.#head < this.size) return
    this.#items = this.#items.slice(this.#head)
    this.#head = 0
  }
}
