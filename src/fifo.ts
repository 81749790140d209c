/** A power of two. */
const FIRST_PLACES = 16

/**
 * First in, first out, in constant time however many wait: a ring, which nothing is moved in. What
 * has gone is not held on to, nor is an array that is left behind: V8's collector of the young
 * would keep what such a one still names until it next goes through all that is old.
 */
export class Fifo<T> {
  #places: (T | undefined)[] = new Array(FIRST_PLACES).fill(undefined)
  #head = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  get first(): T | undefined {
    return this.#places[this.#head]
  }

  some(isSought: (item: T) => boolean): boolean {
    return this.#places.some((item) => item !== undefined && isSought(item))
  }

  push(item: T): void {
    if (this.#size === this.#places.length) this.#grow()
    this.#places[(this.#head + this.#size) & (this.#places.length - 1)] = item
    this.#size++
  }

  /** Removes the first. */
  shift(): void {
    this.#places[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#places.length - 1)
    this.#size--
  }

  #grow(): void {
    const before = this.#places
    const inOrder = before.slice(this.#head).concat(before.slice(0, this.#head))
    this.#places = inOrder.concat(new Array(inOrder.length).fill(undefined))
    this.#head = 0
    inOrder.fill(undefined)
    before.fill(undefined)
  }
}
