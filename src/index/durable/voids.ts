/** So many are remembered. */
const MAX_VOIDS = 65_536

/**
 * The places in a log whose changes had no effect, since one of them was not possible there. With a
 * log of one writer there are hardly any.
 */
export class Voids {
  /** Of the places before this one nothing is known. */
  knownFrom = 0
  readonly #seqs = new Set<number>()

  add(seq: number): void {
    this.#seqs.add(seq)
    if (this.#seqs.size <= MAX_VOIDS) return
    const [oldest] = this.#seqs
    this.#seqs.delete(oldest!)
    this.knownFrom = Math.max(this.knownFrom, oldest! + 1)
  }

  has(seq: number): boolean {
    return this.#seqs.has(seq)
  }
}
