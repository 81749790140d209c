import type { Item, Store } from './peers/peer.ts'
import type { Records } from './records.ts'

/**
 * How records are handed over. `closed`: each of so many callers awaits its append, then appends
 * again. `waves`: so many at once, and again when all are acknowledged. `batches`: one batch of so
 * many at a time. `stream`: all that there are, taken by the store as fast as it can.
 */
export interface Load {
  readonly shape: 'closed' | 'waves' | 'batches' | 'stream'
  readonly size: number
}

/** Where the next record is taken from; loops go on where the one before ended. */
export interface Cursor {
  next: number
}

export interface Outcome {
  readonly records: number
  readonly elapsedMs: number
}

/** Looking at the clock costs as much as a small append. */
const APPENDS_PER_LOOK = 16

/**
 * Appends until the time is over or the records are, and waits for all acknowledgements. The same
 * for every peer.
 */
export async function runLoad(
  store: Store,
  records: Records,
  cursor: Cursor,
  load: Load,
  durationMs: number,
): Promise<Outcome> {
  const first = cursor.next
  const start = performance.now()
  const deadline = start + durationMs
  if (load.shape === 'batches') await batches(store, records, cursor, load.size, deadline)
  else if (load.shape === 'stream') await stream(store, records, cursor, deadline)
  else if (load.shape === 'waves') await waves(store, records, cursor, load.size, deadline)
  else await closedLoop(store, records, cursor, load.size, deadline)
  return { records: cursor.next - first, elapsedMs: performance.now() - start }
}

async function closedLoop(
  store: Store,
  records: Records,
  cursor: Cursor,
  callers: number,
  deadline: number,
): Promise<void> {
  const { ids } = records
  let limit = ids.length
  async function caller(): Promise<void> {
    while (cursor.next < limit) {
      const n = cursor.next++
      if (n % APPENDS_PER_LOOK === 0 && performance.now() >= deadline) limit = 0
      await store.append(ids[n]!, records.vector(n), records.metadata(n))
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
}

async function waves(
  store: Store,
  records: Records,
  cursor: Cursor,
  size: number,
  deadline: number,
): Promise<void> {
  const wave: unknown[] = new Array(size)
  while (cursor.next + size <= records.ids.length && performance.now() < deadline) {
    for (let i = 0; i < size; i++) {
      const n = cursor.next++
      wave[i] = store.append(records.ids[n]!, records.vector(n), records.metadata(n))
    }
    await Promise.all(wave)
  }
}

async function stream(store: Store, records: Records, cursor: Cursor, deadline: number): Promise<void> {
  if (!store.appendAll) throw new Error('takes no stream')
  await store.appendAll(itemsUntil(records, cursor, deadline))
}

function* itemsUntil(records: Records, cursor: Cursor, deadline: number): Generator<Item, void, void> {
  while (cursor.next < records.ids.length) {
    const n = cursor.next
    if (n % APPENDS_PER_LOOK === 0 && performance.now() >= deadline) return
    cursor.next++
    const metadata = records.metadata(n)
    yield { id: records.ids[n]!, vector: records.vector(n), ...(metadata !== undefined && { metadata }) }
  }
}

async function batches(
  store: Store,
  records: Records,
  cursor: Cursor,
  size: number,
  deadline: number,
): Promise<void> {
  if (!store.appendBatch) throw new Error('has no batches')
  while (cursor.next + size <= records.ids.length && performance.now() < deadline) {
    const first = cursor.next
    cursor.next += size
    const ids = records.ids.slice(first, cursor.next)
    await store.appendBatch(ids, records.vectors(first, size), records.metadataOf(first, size))
  }
}
