/**
 * Which ids the index in a log holds, told from its catalog and its log: without loading vectors,
 * in memory for the ids alone.
 */
import { catalogAmong, readCatalogIds } from '../index/durable/catalog-file.ts'
import type { BatchMember, DataEntry, Snapshot, Wal } from '../mod.ts'

/** A snapshot of a durable index has a list of its ids, whatever the index: docs/format.md. */
export const hasCatalog = ({ reference }: Snapshot): boolean => catalogAmong(reference.files) !== undefined

/** Calls `take` with each id that a snapshot's catalog lists. */
export const eachCataloguedId = (snapshot: Snapshot, take: (id: string) => void): Promise<void> =>
  readCatalogIds(snapshot.read(catalogAmong(snapshot.reference.files)!), take)

/**
 * How many vectors an index that opens this log comes back with. Undefined if its snapshot is no
 * index's.
 */
export async function countVectors(wal: Wal): Promise<number | undefined> {
  const { snapshot, lastCheckpoint } = wal
  if (snapshot && !hasCatalog(snapshot)) return undefined
  const ids = new Set<string>()
  if (snapshot) await eachCataloguedId(snapshot, (id) => ids.add(id))
  for await (const { entries } of wal.replay({ after: lastCheckpoint?.sequenceNumber, borrow: true })) {
    const changes = [...changesIn(entries)]
    if (takesEffect(changes, ids))
      for (const { type, id } of changes) type === 'delete' ? ids.delete(id) : ids.add(id)
  }
  return ids.size
}

/** Changes that belong together take effect whole or not at all: docs/format.md. */
function takesEffect(changes: readonly DataEntry[], ids: ReadonlySet<string>): boolean {
  const exists = new Map<string, boolean>()
  for (const change of changes) {
    const isThere = exists.get(change.id) ?? ids.has(change.id)
    if (change.type === 'insert' && isThere && !change.replace) return false
    if (change.type === 'update' && !isThere) return false
    exists.set(change.id, change.type !== 'delete')
  }
  return true
}

/** The changes among entries, those of batches too. */
export function* changesIn(entries: readonly BatchMember[]): Generator<DataEntry, void, void> {
  for (const entry of entries) {
    if (entry.type === 'batch') yield* changesIn(entry.entries)
    else if (entry.type !== 'custom') yield entry
  }
}
