import type { BatchMember, DataEntry, DeleteEntry } from '../../entry.ts'
import { assert } from '../../errors.ts'
import { CheckedInsert, CheckedUpdate } from '../../format/checked-insert.ts'
import { type ChangeKey, type Condition, conditionIn } from '../../format/condition.ts'
import { needKnownKind } from '../../format/own-kinds.ts'
import type { CommittedUnit } from '../../log/log.ts'
import type { IdempotencyKeys, KeptKey } from './idempotency-keys.ts'

/** Entries that take effect together, or not at all, at their place in the log. */
export type Unit = Pick<CommittedUnit, 'seq' | 'entries'> & {
  /** When it was logged; it may be left out where no idempotency key is among the entries. */
  readonly timestamp?: number | undefined
}

/** A vector that no index of this log can hold: whoever logged it has others. */
export interface Unfit {
  readonly code: 'WALV_INVALID_VECTOR'
  readonly id: string
  readonly found: number
  readonly dimensions: number
}

/** Why entries that take effect together do not. */
export type Impossible =
  | Unfit
  | { readonly code: 'WALV_DUPLICATE_ID' | 'WALV_NOT_FOUND'; readonly id: string }
  | Changed
  | { readonly code: 'WALV_CONFLICT'; readonly key: string; readonly first: KeptKey }
  /** They took effect before, under this key: their caller is told what it was told then. */
  | { readonly code: 'repeated'; readonly first: KeptKey }

/** An id's last change has another number than is expected; `null`: it is not there. */
export interface Changed {
  readonly code: 'WALV_CONFLICT'
  readonly id: string
  readonly ifSeq: number | null
  readonly seq: number | null
}

/** What decides whether a unit takes effect. */
export interface Known {
  /** The number of an id's last change; undefined where it is not there. */
  seqOf(id: string): number | undefined
  readonly keys: IdempotencyKeys
}

/** What a unit is made of, batches within batches opened. */
export interface UnitParts {
  readonly changes: DataEntry[]
  readonly conditions: Condition[]
}

/**
 * @throws WALV_INVALID_ENTRY for a condition that cannot be understood, WALV_UNSUPPORTED_FEATURE
 * for an entry of a newer walv
 */
export function partsOf(entries: readonly BatchMember[]): UnitParts {
  const parts: UnitParts = { changes: [], conditions: [] }
  collect(entries, parts)
  return parts
}

function collect(entries: readonly BatchMember[], parts: UnitParts): void {
  for (const entry of entries) {
    if (entry.type === 'batch') collect(entry.entries, parts)
    else if (isData(entry)) parts.changes.push(entry)
    else {
      const condition = conditionIn(entry)
      if (condition) parts.conditions.push(condition)
      else needKnownKind(entry)
    }
  }
}

/**
 * Why a unit has no effect, if it has none: a function of what is known and of the unit, so that
 * every reader of a log comes to the same answer. Conditions are about what was there before it.
 */
export function impossibleIn(
  { changes, conditions }: UnitParts,
  timestamp: number | undefined,
  known: Known,
): Impossible | undefined {
  for (const { key } of conditions) {
    const impossible = key && repeatedIn(known, key, timeOf(timestamp))
    if (impossible) return impossible
  }
  for (const { expects } of conditions)
    for (const { id, seq } of expects) {
      const changed = changedIn(known, id, seq)
      if (changed) return changed
    }
  const exists = new Map<string, boolean>()
  for (const change of changes) {
    const { id } = change
    const impossible = impossibleAs(change, exists.get(id) ?? known.seqOf(id) !== undefined)
    if (impossible) return impossible
    exists.set(id, change.type !== 'delete')
  }
  return undefined
}

/** Whether a change under this key took effect before, and was it the same. */
export function repeatedIn(
  { keys }: Pick<Known, 'keys'>,
  { text, digest }: ChangeKey,
  timestamp: number,
): Impossible | undefined {
  const first = keys.find(text, timestamp)
  if (first === undefined) return undefined
  return first.digest === digest ? { code: 'repeated', first } : { code: 'WALV_CONFLICT', key: text, first }
}

function timeOf(timestamp: number | undefined): number {
  assert(timestamp !== undefined, 'a change with an idempotency key has no time')
  return timestamp
}

/** Whether an id's last change has another number than is expected. */
export function changedIn(
  known: Pick<Known, 'seqOf'>,
  id: string,
  ifSeq: number | null,
): Changed | undefined {
  const seq = known.seqOf(id) ?? null
  return seq === ifSeq ? undefined : { code: 'WALV_CONFLICT', id, ifSeq, seq }
}

/** Why a change cannot be, as its id stands. */
export function impossibleAs(change: DataEntry, exists: boolean): Impossible | undefined {
  const { type, id } = change
  if (type === 'insert' && exists && !change.replace) return { code: 'WALV_DUPLICATE_ID', id }
  return type === 'update' && !exists ? { code: 'WALV_NOT_FOUND', id } : undefined
}

/** Where others log too: what does not fit has no effect, and harms nobody. */
export function unfitIn(entries: readonly BatchMember[], dimensions: number): Unfit | undefined {
  for (const entry of entries) {
    if (entry.type === 'batch') {
      const unfit = unfitIn(entry.entries, dimensions)
      if (unfit) return unfit
    } else if ('vector' in entry && entry.vector && entry.vector.length !== dimensions)
      return { code: 'WALV_INVALID_VECTOR', id: entry.id, found: entry.vector.length, dimensions }
  }
  return undefined
}

/** The deletion that a unit is, beside its condition; undefined where it is something else. */
export function onlyDeletion(entries: readonly BatchMember[]): DeleteEntry | undefined {
  const [first] = entries
  if (entries.length !== 1) return undefined
  const members = first?.type === 'batch' ? first.entries : entries
  if (members.length > 2) return undefined
  const changes = [...dataEntries(members)]
  return changes.length === 1 && changes[0]!.type === 'delete' ? changes[0] : undefined
}

/** Notes the keys of a unit that is about to take effect. */
export function noteKeys({ conditions }: UnitParts, { seq, timestamp, entries }: Unit, known: Known): void {
  if (conditions.length === 0) return
  const deletion = onlyDeletion(entries)
  const existed = deletion && known.seqOf(deletion.id) !== undefined
  for (const { key } of conditions)
    if (key) known.keys.note(key, { seq, timestamp: timeOf(timestamp), existed })
}

/** What keeps its metadata as it is has none. */
export const hasMetadata = (change: Exclude<DataEntry, DeleteEntry>): boolean =>
  CheckedInsert.is(change) ||
  (CheckedUpdate.is(change) ? CheckedUpdate.jsonOf(change) : change.metadata) !== undefined

/** Metadata that is cleared is logged as `null`. */
const textOrNone = (json: string | undefined): string | null =>
  json === undefined || json === 'null' ? null : json

/**
 * The text of the metadata of a change, null if there is none. It is made where it was not before.
 */
export function jsonOf(change: Exclude<DataEntry, DeleteEntry>): string | null {
  if (CheckedInsert.is(change)) return CheckedInsert.jsonOf(change) ?? null
  if (CheckedUpdate.is(change)) return textOrNone(CheckedUpdate.jsonOf(change))
  return change.metadata == null ? null : JSON.stringify(change.metadata)
}

export const isData = (entry: BatchMember): entry is DataEntry =>
  entry.type !== 'batch' && entry.type !== 'custom'

/** The changes among entries, batches within batches opened. */
export function* dataEntries(entries: readonly BatchMember[]): Generator<DataEntry, void, void> {
  for (const entry of entries) {
    if (entry.type === 'batch') yield* dataEntries(entry.entries)
    else if (isData(entry)) yield entry
  }
}
