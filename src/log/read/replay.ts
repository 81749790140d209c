import type { BatchMember, WalRecord } from '../../entry.ts'
import type { CommittedUnit } from '../log.ts'
import { TransactionTracker } from '../transaction/tracker.ts'

/**
 * Bytes of open transactions' vectors held in memory; beyond, a transaction is read again at its
 * commit.
 */
const MAX_HELD_BYTES = 16 * 1024 * 1024

/** Members of an open transaction, as far as they are held. */
export interface Held {
  entries: BatchMember[]
  bytes: number
  /** Too large to be held. */
  spilled: boolean
}

/** An entry that may be kept, though what is read next takes the place of what it was read from. */
export function owned<E extends BatchMember>(entry: E): E {
  if (entry.type === 'batch') return { ...entry, entries: entry.entries.map(owned) }
  if (entry.type === 'custom') return { ...entry, data: new Uint8Array(entry.data) }
  return entry.type !== 'delete' && entry.vector ? { ...entry, vector: entry.vector.slice() } : entry
}

/**
 * Turns records into what takes effect, in the order in which it does: a transaction's entries at
 * its commit, nothing of one that does not commit, and nothing of one that was open where records
 * are lost: they may have been its own. `readAgain` reads a range of records, for transactions too
 * large to be held, and for those that began before the first record, where that is `beganBefore`.
 * `transactions` has those that are open where it stands.
 */
export async function* replayUnits(
  records: AsyncIterable<WalRecord>,
  after: number,
  readAgain: (from: number, through: number) => AsyncIterable<WalRecord>,
  beganBefore: number = 0,
  transactions: TransactionTracker<Held> = new TransactionTracker(),
): AsyncGenerator<CommittedUnit, void, void> {
  let heldBytes = 0
  for await (const record of records) {
    const { seq, timestamp, entry, transactionId, origin } = record
    if (transactions.follow(seq)) heldBytes = 0
    if (entry.type === 'gap') {
      transactions.gap({ from: seq, through: entry.throughSeq })
      heldBytes = 0
    } else if (entry.type === 'beginTransaction') {
      transactions.begin(seq, { entries: [], bytes: 0, spilled: false })
    } else if (entry.type === 'commitTransaction') {
      const held = transactions.commit(transactionId!)?.held
      heldBytes -= held?.bytes ?? 0
      if (seq <= after || (held === undefined && transactionId! >= beganBefore)) continue
      const isHeld = held !== undefined && !held.spilled
      const entries = isHeld ? held.entries : await collect(readAgain(transactionId!, seq), transactionId!)
      if (entries) yield { seq, timestamp, entries, transactionId: transactionId!, ...(origin && { origin }) }
    } else if (entry.type === 'abortTransaction') {
      heldBytes -= transactions.open.get(transactionId!)?.held.bytes ?? 0
      transactions.abort(transactionId!)
    } else if (isMember(entry)) {
      if (transactionId === undefined) {
        if (seq > after) yield { seq, timestamp, entries: [entry], ...(origin && { origin }) }
        continue
      }
      const held = transactions.open.get(transactionId)?.held
      if (held === undefined || held.spilled) continue
      const bytes = sizeOf(entry)
      heldBytes += bytes
      held.bytes += bytes
      held.entries.push(owned(entry))
      if (heldBytes > MAX_HELD_BYTES) {
        heldBytes -= held.bytes
        Object.assign(held, { entries: [], bytes: 0, spilled: true })
      }
    }
  }
}

/** The entries of a transaction; undefined where records are lost between them. */
async function collect(records: AsyncIterable<WalRecord>, id: number): Promise<BatchMember[] | undefined> {
  const entries: BatchMember[] = []
  let expected = id
  for await (const { seq, entry, transactionId } of records) {
    if (seq !== expected++ || entry.type === 'gap') return undefined
    if (transactionId === id && isMember(entry)) entries.push(entry)
  }
  return entries
}

function isMember(entry: WalRecord['entry']): entry is BatchMember {
  return ['insert', 'update', 'delete', 'batch', 'custom'].includes(entry.type)
}

function sizeOf(entry: BatchMember): number {
  if (entry.type === 'batch') return entry.entries.reduce((sum, member) => sum + sizeOf(member), 64)
  if (entry.type === 'custom') return 128 + entry.data.length
  return 128 + 2 * entry.id.length + (entry.type === 'delete' ? 0 : (entry.vector?.byteLength ?? 0))
}

/** The records up to this one. */
export async function* until(
  records: AsyncIterable<WalRecord>,
  through: number,
): AsyncGenerator<WalRecord, void, void> {
  for await (const record of records) {
    if (record.seq > through) return
    yield record
  }
}
