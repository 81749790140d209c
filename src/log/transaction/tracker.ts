/** Sequence numbers from the first to the last of them. */
export interface SequenceSpan {
  readonly from: number
  readonly through: number
}

/** A transaction that has begun and not ended. */
export interface OpenTransaction<Held = undefined> {
  readonly id: number
  readonly prepared: boolean
  readonly held: Held
}

/**
 * Which transactions are open as a log's records go by, in their order: the one rule of what ends
 * one, for recovery and replay alike. `Held` is what its user keeps of each.
 *
 * Where records are lost, some of any transaction that is open may be among them: it is broken, and
 * nothing of it takes effect, whatever is said of it later. Memory is bounded by the open
 * transactions and the places where records are lost.
 */
export class TransactionTracker<Held = undefined> {
  readonly open: Map<number, OpenTransaction<Held>> = new Map()
  /** Broken and not aborted, and whether they were prepared. */
  readonly #broken = new Map<number, boolean>()
  readonly #committedBroken: number[] = []
  /**
   * Lost records, whether a gap record says so or numbers are missing. In their order; they do not
   * overlap.
   */
  readonly #lost: SequenceSpan[] = []
  #expected: number | undefined

  /**
   * Ids of the transactions that committed, or were prepared, and of which records are lost or may
   * be.
   */
  get incomplete(): number[] {
    const prepared = [...this.#broken].filter(([, isPrepared]) => isPrepared).map(([id]) => id)
    return [...this.#committedBroken, ...prepared]
  }

  /** Whether records are lost among those that went by, or a gap record says so. */
  get hasLost(): boolean {
    return this.#lost.length > 0
  }

  /** Whether nothing is missing before a record. */
  isNext(seq: number): boolean {
    return this.#expected === undefined || this.#expected === seq
  }

  /** Another that goes on from here by itself. */
  clone(): TransactionTracker<Held> {
    const copy = new TransactionTracker<Held>()
    for (const [id, transaction] of this.open) copy.open.set(id, transaction)
    for (const [id, isPrepared] of this.#broken) copy.#broken.set(id, isPrepared)
    copy.#committedBroken.push(...this.#committedBroken)
    copy.#lost.push(...this.#lost)
    copy.#expected = this.#expected
    return copy
  }

  /** A record is the next that is there. Answers whether records before it are lost. */
  follow(seq: number): boolean {
    const isLoss = this.#expected !== undefined && seq > this.#expected
    if (isLoss) this.#lose({ from: this.#expected!, through: seq - 1 })
    this.#expected = seq + 1
    return isLoss
  }

  /** A record says that these are lost. */
  gap(range: SequenceSpan): void {
    this.#lose(range)
    this.#expected = range.through + 1
  }

  begin(id: number, held: Held): void {
    this.open.set(id, { id, prepared: false, held })
  }

  prepare(id: number): void {
    const transaction = this.open.get(id)
    if (transaction) this.open.set(id, { ...transaction, prepared: true })
    else if (this.#broken.has(id) || this.#isLost(id)) this.#broken.set(id, true)
  }

  /** What takes effect now; undefined if nothing does. */
  commit(id: number): OpenTransaction<Held> | undefined {
    const transaction = this.open.get(id)
    if (transaction) this.open.delete(id)
    else if (this.#broken.delete(id) || this.#isLost(id)) this.#committedBroken.push(id)
    return transaction
  }

  /** Answers whether it was there to be ended. */
  abort(id: number): boolean {
    return this.open.delete(id) || this.#broken.delete(id)
  }

  #lose(range: SequenceSpan): void {
    this.#lost.push(range)
    for (const { id, prepared } of this.open.values()) this.#broken.set(id, prepared)
    this.open.clear()
  }

  #isLost(seq: number): boolean {
    let [low, high] = [0, this.#lost.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#lost[middle]!.through < seq) low = middle + 1
      else high = middle
    }
    return low < this.#lost.length && this.#lost[low]!.from <= seq
  }
}
