import type { RecordIndex } from './record-index.ts'

interface Transaction {
  readonly id: bigint
  readonly members: number[]
  /** Whether its commit or abort stands behind its begin. */
  ends: boolean
  open: boolean
}

/**
 * Leaves the transactions' markers out, and the records of those that are not committed; puts the
 * records of those that are where their commit stands.
 */
export function settleTransactions(index: RecordIndex, order: readonly number[]): readonly number[] {
  if (index.markers.size === 0) return order
  const transactions = findTransactions(index, order)
  const settled: number[] = []
  const open = new OpenTransactions()
  let section = -1
  for (const position of order) {
    if (index.section(position) !== section) open.startSection()
    section = index.section(position)
    const marker = index.markers.get(position)
    if (marker === undefined) {
      const transaction = index.checkpoints.has(position) ? undefined : open.latest()
      const target = transaction ? transaction.members : settled
      target.push(position)
    } else if (marker.type === 'beginTransaction') {
      open.begin(transactions.get(position)!)
    } else {
      const transaction = open.end(marker.transactionId)
      if (marker.type === 'commitTransaction')
        for (const member of transaction?.members ?? []) settled.push(member)
    }
  }
  return settled
}

/**
 * Every transaction, by the position of its begin. An id that begins again while it is open
 * abandons the transaction that bore it.
 */
function findTransactions(index: RecordIndex, order: readonly number[]): Map<number, Transaction> {
  const begun = new Map<number, Transaction>()
  const latest = new Map<bigint, Transaction>()
  for (const position of order) {
    const marker = index.markers.get(position)
    if (marker === undefined) continue
    const { type, transactionId: id } = marker
    if (type !== 'beginTransaction') {
      const transaction = latest.get(id)
      if (transaction) transaction.ends = true
      continue
    }
    const beginning = { id, members: [], ends: false, open: true }
    begun.set(position, beginning)
    latest.set(id, beginning)
  }
  return begun
}

class OpenTransactions {
  readonly #byId = new Map<bigint, Transaction>()
  /**
   * In the order of their begins; one that is no longer open is taken off when it comes to the top.
   */
  readonly #stack: Transaction[] = []
  /** Those of this section that never end. */
  #endless: Transaction[] = []

  begin(transaction: Transaction): void {
    this.end(transaction.id)
    this.#byId.set(transaction.id, transaction)
    this.#stack.push(transaction)
    if (!transaction.ends) this.#endless.push(transaction)
  }

  end(id: bigint): Transaction | undefined {
    const transaction = this.#byId.get(id)
    this.#byId.delete(id)
    if (transaction) transaction.open = false
    return transaction
  }

  latest(): Transaction | undefined {
    while (this.#stack.at(-1)?.open === false) this.#stack.pop()
    return this.#stack.at(-1)
  }

  /**
   * What never ends was open at a crash, and the records behind the next header are another
   * process's.
   */
  startSection(): void {
    for (const { id, open } of this.#endless) if (open) this.end(id)
    this.#endless = []
  }
}
