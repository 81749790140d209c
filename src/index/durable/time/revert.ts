import type { DataEntry, JsonValue } from '../../../entry.ts'
import { WalError } from '../../../errors.ts'
import type { Expectation } from '../../../format/condition.ts'
import { MAX_REVERT_BYTES } from '../../../limits.ts'
import type { Log } from '../../../log/log.ts'
import { LOOKS_BESIDE_WRITER, lookBesideWriter } from '../../../log/recover/beside-writer.ts'
import type { Wal } from '../../../log/wal.ts'
import { bytesOf } from '../../byte-order.ts'
import type { CatalogEntry } from '../catalog.ts'
import type { AppliedUnit, PlannedUnit } from '../conditional-changes.ts'
import type { IndexState } from '../index-state.ts'
import { dataEntries } from '../unit.ts'
import { openPast, PastState } from './past-state.ts'

/** What a revert did. */
export interface Reverted {
  /** The last record before it: reverting to that undoes it. */
  readonly before: number
  /** How many ids were changed. */
  readonly changed: number
}

/** What an id had; undefined where it was not there. */
type Image = { readonly vector: Float32Array; readonly json: string | null } | undefined

/** What is reverted. */
export interface Reverting {
  readonly log: Wal
  readonly state: IndexState
  /** Whether other processes write the log, too. */
  readonly isShared: boolean
  readonly signal: AbortSignal | undefined
}

/**
 * Makes an index what it was at a moment. What the ids had that were changed since, the log tells;
 * of those that are changed while it is read, what they had before is noted. So that at the place
 * of the revert it is known of every id that was changed since the moment what it had then.
 * `apply` calls the function when everything before is applied, and again where others changed one
 * of the ids before the place of what it answered.
 */
export async function revert(
  { log, state, isShared, signal }: Reverting,
  seq: number,
  apply: (plan: () => PlannedUnit) => Promise<AppliedUnit>,
  maxBytes: number = MAX_REVERT_BYTES,
): Promise<Reverted> {
  const noted = new Map<string, Image>()
  const note = (id: string, entry: CatalogEntry | undefined): void => {
    if (!noted.has(id)) noted.set(id, entry && imageOf(state, entry))
  }
  state.watchers.add(note)
  try {
    const images = await lookBesideWriter(LOOKS_BESIDE_WRITER, () =>
      imagesAt(log, state, seq, maxBytes, signal),
    )
    let before = -1
    const applied = await apply(() => {
      before = log.lastSeq
      // What is in both was changed between the moment and the end of what was read.
      const wanted = new Map([...noted, ...images])
      return { entries: entriesTo(wanted, state), expects: expectationsOf(wanted.keys(), state) }
    })
    // What others changed between the look and the place is about other ids, and is not undone.
    if (isShared && applied.seq !== undefined) before = applied.seq - 1
    return { before, changed: applied.count }
  } finally {
    state.watchers.delete(note)
  }
}

const expectationsOf = (ids: Iterable<string>, state: IndexState): Expectation[] =>
  Array.from(ids, (id) => ({ id, seq: state.seqOf(id) ?? null }))

const imageOf = ({ index }: IndexState, { label, json }: CatalogEntry): Image => ({
  vector: index.get(label),
  json,
})

/** Of every id that was changed since, what it had. */
async function imagesAt(
  log: Log,
  { index }: IndexState,
  target: number,
  maxBytes: number,
  signal: AbortSignal | undefined,
): Promise<Map<string, Image>> {
  const past = await openPast(log, { from: { seq: target } }, signal)
  const after = past.lastCheckpoint?.sequenceNumber
  const touched = new Set<string>()
  for await (const { seq, entries } of past.replay({ after, borrow: true, signal }))
    if (seq > target) for (const { id } of dataEntries(entries)) touched.add(id)
  refuseLarge(log, target, touched.size, touched.size * 4 * index.dimensions, maxBytes)
  const state = new PastState({ watches: (id) => touched.has(id), vector: (vector) => vector.slice() })
  if (past.snapshot) await state.load(past.snapshot, after!)
  for await (const unit of past.replay({ after, borrow: true, signal })) {
    if (unit.seq > target) break
    state.apply(unit)
  }
  return imagesOf(log, target, touched, state, maxBytes)
}

function imagesOf(
  log: Log,
  target: number,
  touched: ReadonlySet<string>,
  { catalog, vectors }: PastState<Float32Array>,
  maxBytes: number,
): Map<string, Image> {
  const images = new Map<string, Image>()
  let bytes = 0
  for (const id of touched) {
    const json = catalog.get(id)?.json
    const vector = vectors.get(id)
    bytes += (vector?.byteLength ?? 0) + (json?.length ?? 0)
    images.set(id, vector && json !== undefined ? { vector, json } : undefined)
  }
  refuseLarge(log, target, touched.size, bytes, maxBytes)
  return images
}

/** @throws WALV_LIMIT */
function refuseLarge({ directory }: Log, target: number, ids: number, bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return
  throw new WalError(
    'WALV_LIMIT',
    `Since record ${target} of the log in ${directory}, ${ids} ids were changed, with ${bytes} bytes to put back; a transaction that reverts takes at most ${maxBytes}. Nothing was logged. ` +
      'Go on in a fork of that moment instead, or write back what you need of it, read with DurableIndex.openAt.',
    { seq: target, fate: 'not-logged' },
  )
}

/** The changes after which these ids have what is wanted. */
function entriesTo(wanted: ReadonlyMap<string, Image>, { catalog, index }: IndexState): DataEntry[] {
  const entries: DataEntry[] = []
  for (const [id, image] of wanted) {
    const entry = catalog.get(id)
    if (image === undefined) {
      if (entry) entries.push({ type: 'delete', id })
    } else if (entry?.json !== image.json || !isSame(index.get(entry.label), image.vector)) {
      const metadata: JsonValue = image.json === null ? null : JSON.parse(image.json)
      entries.push({ type: 'insert', id, vector: image.vector, metadata, replace: true })
    }
  }
  return entries
}

/** Bit for bit. */
const isSame = (one: Float32Array, other: Float32Array): boolean =>
  Buffer.compare(bytesOf(one), bytesOf(other)) === 0
