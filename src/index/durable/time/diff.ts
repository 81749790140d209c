import { createHash } from 'node:crypto'
import type { Log } from '../../../log/log.ts'
import { LOOKS_BESIDE_WRITER, lookBesideWriter } from '../../../log/recover/beside-writer.ts'
import { bytesOf } from '../../byte-order.ts'
import { dataEntries } from '../unit.ts'
import { openPast, PastState } from './past-state.ts'

/** An id that two moments differ in. */
export interface Difference {
  readonly id: string
  /** From the first moment to the second. `changed`: another vector, or other metadata. */
  readonly change: 'added' | 'changed' | 'removed'
}

const OPPOSITE = { added: 'removed', changed: 'changed', removed: 'added' } as const

/**
 * The ids that two moments differ in, in the order in which they were first changed between them.
 * Memory: that of the catalog, and of 32 bytes for each id that was changed. Reads the log from the
 * snapshot before the earlier moment on, twice.
 */
export async function* differences(
  log: Log,
  from: number,
  to: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Difference, void, void> {
  if (from === to) return
  const [earlier, later] = from < to ? [from, to] : [to, from]
  const { changed, state } = await lookBesideWriter(LOOKS_BESIDE_WRITER, () =>
    compare(log, earlier, later, signal),
  )
  for (const [id, before] of changed) {
    const after = digestIn(state, id)
    if (before === after) continue
    const change = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed'
    yield { id, change: from < to ? change : OPPOSITE[change] }
  }
}

interface Comparison {
  /** Of each id that was changed, what it was before. */
  readonly changed: ReadonlyMap<string, string | undefined>
  readonly state: PastState<string>
}

async function compare(
  log: Log,
  earlier: number,
  later: number,
  signal: AbortSignal | undefined,
): Promise<Comparison> {
  const past = await openPast(log, { from: { seq: earlier }, until: { seq: later } }, signal)
  const after = past.lastCheckpoint?.sequenceNumber
  const touched = new Set<string>()
  for await (const { seq, entries } of past.replay({ after, borrow: true, signal }))
    if (seq > earlier) for (const { id } of dataEntries(entries)) touched.add(id)
  const state = new PastState<string>({
    watches: (id) => touched.has(id),
    vector: (vector) => digest(bytesOf(vector)),
  })
  if (past.snapshot) await state.load(past.snapshot, after!)
  const changed = new Map<string, string | undefined>()
  for await (const unit of past.replay({ after, borrow: true, signal })) {
    const { seq, entries } = unit
    if (seq > earlier)
      for (const { id } of dataEntries(entries)) if (!changed.has(id)) changed.set(id, digestIn(state, id))
    state.apply(unit)
  }
  return { changed, state }
}

/** Of a vector with its metadata; undefined where the id is not there. */
function digestIn({ catalog, vectors }: PastState<string>, id: string): string | undefined {
  const entry = catalog.get(id)
  return entry && digest(Buffer.from(`${vectors.get(id)}${entry.json ?? ''}`))
}

/** Half of a SHA-256, as text of 32 characters. */
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 32)
