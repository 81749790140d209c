/** What stands in the table: under the id that it concerns, in a chain with others. */
export interface PendingId {
  readonly id: string
  /** The table's own. */
  hash: number
  next: PendingId | undefined
}

/** A power of two. */
const FIRST_CHAINS = 256

/**
 * What was entered last under each id. It is entered and removed again thousands of times a second,
 * and V8's `Map` is no good at that: each time it makes itself anew it leaves a table behind that
 * names all that was in it, and leads to the next. Once one of them is old, V8's collector of the
 * young takes all that they name for alive, and copies it.
 */
export class PendingIds<T extends PendingId> {
  #chains: (T | undefined)[] = new Array(FIRST_CHAINS).fill(undefined)
  #size = 0

  /** How many are entered; of one id there may be several. */
  get size(): number {
    return this.#size
  }

  /** The last that was entered under an id and is not removed. */
  get(id: string): T | undefined {
    if (this.#size === 0) return undefined
    const hash = hashOf(id)
    let each = this.#chains[hash & (this.#chains.length - 1)]
    while (each !== undefined && !(each.hash === hash && each.id === id)) each = each.next as T | undefined
    return each
  }

  add(entered: T): void {
    if (this.#size === this.#chains.length) this.#grow()
    this.#size++
    entered.hash = hashOf(entered.id)
    this.#chain(entered)
  }

  /** Of what was added and is not removed. */
  remove(entered: T): void {
    const place = entered.hash & (this.#chains.length - 1)
    let before: T | undefined
    let each = this.#chains[place]
    while (each !== undefined && each !== entered) {
      before = each
      each = each.next as T | undefined
    }
    if (each === undefined) return
    if (before === undefined) this.#chains[place] = entered.next as T | undefined
    else before.next = entered.next
    entered.next = undefined
    this.#size--
  }

  #chain(entered: T): void {
    const place = entered.hash & (this.#chains.length - 1)
    entered.next = this.#chains[place]
    this.#chains[place] = entered
  }

  /** Of those under one id the order stays. */
  #grow(): void {
    const before = this.#chains
    this.#chains = new Array(2 * before.length).fill(undefined)
    for (const [place, first] of before.entries()) {
      before[place] = undefined
      const inOrder: T[] = []
      for (let each = first; each !== undefined; each = each.next as T | undefined) inOrder.push(each)
      for (const each of inOrder.reverse()) this.#chain(each)
    }
  }
}

/** Nobody can choose ids beforehand that are all in one chain. */
const SEED = Math.floor(Math.random() * 2 ** 32) | 0

function hashOf(id: string): number {
  let hash = SEED
  for (let at = 0; at < id.length; at++) hash = Math.imul(hash ^ id.charCodeAt(at), 0x0100_0193)
  return hash ^ (hash >>> 15)
}
