import { Generation } from './generation.ts'

/** Labels that are looked at for one batch of copies, at most. */
const MAX_LOOKED_AT = 4_096

/** A graph that is replaced, and how far it has been copied. */
interface Old {
  readonly generation: Generation
  readonly toCopy: IterableIterator<number>
  copiesOnTheirWay: number
  isRead: boolean
}

/**
 * One graph, or two: when it is worn, a new one is filled bit by bit, and then takes its place.
 * Until then the old one goes on finding what it holds; a label may be in both, with the same
 * vector.
 */
export class Generations {
  #newest: Generation
  #old: Old | undefined
  /** Labels that are in one of them, or in both. */
  #size: number

  /**
   * `loaded` has the newest first, and at most one behind it. `first` is the number of a new one.
   */
  constructor(first: number, [newest = new Generation(first), old]: readonly Generation[] = []) {
    this.#newest = newest
    this.#old = old && beginning(old)
    this.#size = newest.size
    for (const label of old?.labels() ?? []) if (!newest.has(label)) this.#size++
  }

  get size(): number {
    return this.#size
  }

  /** The one that everything goes to. */
  get newest(): Generation {
    return this.#newest
  }

  get isCopying(): boolean {
    return this.#old !== undefined
  }

  /** The newest first. */
  all(): Generation[] {
    return this.#old ? [this.#newest, this.#old.generation] : [this.#newest]
  }

  has(label: number): boolean {
    return this.#newest.has(label) || (this.#old?.generation.has(label) ?? false)
  }

  adopt(generation: Generation, label: number, key: number): void {
    if (!this.has(label)) this.#size++
    generation.adopt(label, key)
  }

  remove(label: number): void {
    const wasInNewest = this.#newest.remove(label)
    const wasInOld = this.#old?.generation.remove(label) ?? false
    if (wasInNewest || wasInOld) this.#size--
  }

  /** Whether a worn graph waits to be replaced, which begins when nothing is on its way to it. */
  get isWaitingToRenew(): boolean {
    return this.#old === undefined && this.#newest.isWorn
  }

  renew(number: number): void {
    this.#old = beginning(this.#newest)
    this.#newest = new Generation(number)
  }

  /** Up to so many labels that are to be copied; their copies are on their way then. */
  takeToCopy(most: number): number[] {
    const labels: number[] = []
    const old = this.#old
    for (let looked = 0; old && !old.isRead && labels.length < most && looked < MAX_LOOKED_AT; looked++) {
      const { value: label, done } = old.toCopy.next()
      if (done) old.isRead = true
      else if (!this.#newest.has(label)) labels.push(label)
    }
    if (old) old.copiesOnTheirWay += labels.length
    return labels
  }

  /** So many copies have arrived. Returns the number of the graph that is not needed any more. */
  copied(count: number): number | undefined {
    const old = this.#old
    if (old === undefined) return undefined
    old.copiesOnTheirWay -= count
    if (!old.isRead || old.copiesOnTheirWay > 0) return undefined
    this.#old = undefined
    return old.generation.number
  }
}

const beginning = (generation: Generation): Old => ({
  generation,
  toCopy: generation.labels(),
  copiesOnTheirWay: 0,
  isRead: false,
})
