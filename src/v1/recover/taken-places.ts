/** Which of many places are taken. Every call takes at most log n steps; `clear` takes one. */
export class TakenPlaces {
  /**
   * A binary tree: its root is 1, those below n are 2n and 2n + 1, its leaves are the places. What
   * it holds is the last round in which one below was taken.
   */
  readonly #rounds: Uint32Array
  readonly #leaves: number
  #round = 1

  constructor(count: number) {
    this.#leaves = 2 ** Math.ceil(Math.log2(count))
    this.#rounds = new Uint32Array(2 * this.#leaves)
  }

  take(place: number): void {
    for (let node = this.#leaves + place; node > 0; node >>>= 1) this.#rounds[node] = this.#round
  }

  /** The last one taken that is not behind `place`. */
  lastTaken(place: number): number | undefined {
    let node = this.#leaves + place
    while (!this.#isTaken(node)) {
      while (node % 2 === 0) node /= 2
      if (node === 1) return undefined
      node--
    }
    while (node < this.#leaves) node = this.#isTaken(2 * node + 1) ? 2 * node + 1 : 2 * node
    return node - this.#leaves
  }

  clear(): void {
    this.#round++
  }

  #isTaken(node: number): boolean {
    return this.#rounds[node] === this.#round
  }
}
