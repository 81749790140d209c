/**
 * Which ids the index in a log holds, told from its catalog and its log: without loading vectors,
 * in memory for the ids alone.
 */
import { catalogAmong, readCatalogNumbers } from '../index/durable/catalog-file.ts'
import { IdLedger } from '../index/durable/id-ledger.ts'
import type { BatchMember, DataEntry, Snapshot, Wal } from '../mod.ts'

/** A snapshot of a durable index has a list of its ids, whatever the index: docs/format.md. */
export const hasCatalog = ({ reference }: Snapshot): boolean => catalogAmong(reference.files) !== undefined

/** Calls `take` with each id that a snapshot's catalog lists. */
export const eachCataloguedId = (snapshot: Snapshot, take: (id: string) => void): Promise<void> =>
  readCatalogNumbers(snapshot.read(catalogAmong(snapshot.reference.files)!), take)

/**
 * How many vectors an index that opens this log comes back with. Undefined if its snapshot is no
 * index's.
 */
export async function countVectors(wal: Wal): Promise<number | undefined> {
  const { snapshot, lastCheckpoint } = wal
  if (snapshot && !hasCatalog(snapshot)) return undefined
  const ledger = new IdLedger()
  const after = lastCheckpoint?.sequenceNumber
  if (snapshot) await ledger.load(snapshot, after!)
  for await (const unit of wal.replay({ after, borrow: true })) ledger.take(unit)
  return ledger.size
}

/** The changes among entries, those of batches too. */
export function* changesIn(entries: readonly BatchMember[]): Generator<DataEntry, void, void> {
  for (const entry of entries) {
    if (entry.type === 'batch') yield* changesIn(entry.entries)
    else if (entry.type !== 'custom') yield entry
  }
}
