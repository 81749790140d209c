import type { Neighbour } from '../vector-index.ts'

/**
 * The `k` nearest of all that are offered, in bounded memory: a binary heap with the farthest one
 * kept at its root. Nearer is a smaller distance, then a smaller label; NaN is farther than every
 * number. What is kept does not depend on the order of the offers.
 */
export class TopK {
  readonly #distances: Float64Array
  readonly #labels: Float64Array
  #count = 0

  /**
   * An offer with a distance above this changes nothing. Compare with `!(distance > limit)`: a NaN
   * on either side must be offered.
   */
  limit: number = Number.POSITIVE_INFINITY

  /** Memory is taken for `k` at once: bound it by what can be offered. */
  constructor(k: number) {
    this.#distances = new Float64Array(k)
    this.#labels = new Float64Array(k)
  }

  offer(distance: number, label: number): void {
    if (this.#count < this.#distances.length) this.#siftUp(this.#count++, distance, label)
    else if (isNearer(distance, label, this.#distances[0]!, this.#labels[0]!)) this.#siftDown(distance, label)
    if (this.#count === this.#distances.length) this.limit = this.#distances[0]!
  }

  /** What was kept, nearest first. */
  neighbours(): Neighbour[] {
    const kept: Neighbour[] = []
    for (let i = 0; i < this.#count; i++)
      kept.push({ label: this.#labels[i]!, distance: this.#distances[i]! })
    return kept.sort((a, b) => (isNearer(a.distance, a.label, b.distance, b.label) ? -1 : 1))
  }

  #siftUp(from: number, distance: number, label: number): void {
    let hole = from
    while (hole > 0) {
      const parent = (hole - 1) >> 1
      if (!isNearer(this.#distances[parent]!, this.#labels[parent]!, distance, label)) break
      this.#move(parent, hole)
      hole = parent
    }
    this.#put(hole, distance, label)
  }

  #siftDown(distance: number, label: number): void {
    let hole = 0
    for (;;) {
      const child = this.#fartherChild(hole)
      if (child === undefined || !isNearer(distance, label, this.#distances[child]!, this.#labels[child]!))
        break
      this.#move(child, hole)
      hole = child
    }
    this.#put(hole, distance, label)
  }

  #fartherChild(parent: number): number | undefined {
    const left = 2 * parent + 1
    const right = left + 1
    if (left >= this.#count) return undefined
    if (right >= this.#count) return left
    const leftIsNearer = isNearer(
      this.#distances[left]!,
      this.#labels[left]!,
      this.#distances[right]!,
      this.#labels[right]!,
    )
    return leftIsNearer ? right : left
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#distances[from]!, this.#labels[from]!)
  }

  #put(place: number, distance: number, label: number): void {
    this.#distances[place] = distance
    this.#labels[place] = label
  }
}

function isNearer(distance: number, label: number, otherDistance: number, otherLabel: number): boolean {
  if (distance < otherDistance) return true
  if (distance > otherDistance) return false
  const orderless = Number.isNaN(distance)
  return orderless === Number.isNaN(otherDistance) ? label < otherLabel : !orderless
}
