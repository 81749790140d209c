import { delay } from '../../clock.ts'
import type { DataEntry, JsonValue } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import type { Cursor, CursorOptions } from '../../log/cursor-types.ts'
import { Tail } from '../../log/follow/tail.ts'
import type { CommittedUnit, Log } from '../../log/log.ts'
import { wholeNumber } from '../../log/options.ts'
import { checkOptions, type OptionNames } from '../../option-names.ts'
import type { ApplyOrder } from './apply-order.ts'
import type { IndexState } from './index-state.ts'
import { hasPast, walOf } from './time/past-state.ts'
import { dataEntries } from './unit.ts'
import { voidsBefore } from './voids-before.ts'

/** What took effect in an index. */
export interface IndexChange<Metadata = JsonValue> {
  /** The place in the log where it took effect. Changes that took effect together have the same. */
  readonly seq: number
  /** When it was logged: milliseconds since the epoch. */
  readonly timestamp: number
  readonly kind: 'insert' | 'upsert' | 'update' | 'delete'
  readonly id: string
  /** The new vector; undefined where it stays what it was, and of a deletion. */
  readonly vector: Float32Array | undefined
  /** The new metadata; undefined where it stays what it was, and of a deletion. */
  readonly metadata: Metadata | undefined
  /** The last of those that took effect together: `seq + 1` is where to go on. */
  readonly isLast: boolean
}

export interface ChangesOptions {
  /**
   * Goes on behind the position of a cursor, which its `commit` moves. Without `from`.
   */
  readonly cursor?: Cursor | undefined
  /**
   * The first place in the log whose changes are told. Default: behind all that has taken effect.
   */
  readonly from?: number | undefined
  /** Ends the iteration, as closing the index does: without an error. */
  readonly signal?: AbortSignal | undefined
}

const CHANGES_OPTIONS: OptionNames<ChangesOptions> = { cursor: true, from: true, signal: true }

/** So long between two looks whether a change was applied. */
const APPLIED_POLL_MS = 1

/** A log of files has cursors; another may have none. @throws WALV_INVALID_OPTION */
export function needCursors(log: Log): Required<Pick<Log, 'cursor' | 'dropCursor' | 'cursors'>> {
  const { cursor, dropCursor, cursors } = log
  if (!cursor || !dropCursor || !cursors)
    throw new WalError('WALV_INVALID_OPTION', `The log of this index, ${log.directory}, has no cursors.`)
  return {
    cursor: cursor.bind(log),
    dropCursor: dropCursor.bind(log),
    cursors: cursors.bind(log),
  }
}

/** What is logged and not applied yet is behind the end of an index. */
export function indexCursor(
  log: Log,
  order: ApplyOrder,
  name: string,
  options: CursorOptions,
): Promise<Cursor> {
  const isAtEnd = typeof options === 'object' && (options?.from ?? 'end') === 'end'
  return needCursors(log).cursor(name, isAtEnd ? { ...options, from: order.appliedSeq + 1 } : options)
}

/** The changes of an index as they take effect, each when searches see it. */
export function indexChanges<Metadata>(
  log: Log,
  state: IndexState,
  order: ApplyOrder,
  options: ChangesOptions,
): AsyncGenerator<IndexChange<Metadata>, void, void> {
  checkOptions('changes', options, CHANGES_OPTIONS)
  const { cursor, signal } = options
  if (options.from !== undefined) wholeNumber('from', options.from, 0)
  if (log.tail === undefined)
    throw new WalError('WALV_INVALID_OPTION', 'The log of this index has no tail: it cannot tell of changes.')
  const ended = new AbortController()
  const place = cursor ? { cursor, from: options.from } : { from: options.from ?? order.appliedSeq + 1 }
  const units = log.tail({ ...place, signal: ended.signal })
  const from = place.from ?? cursor!.position + 1
  return new Tail(changesOf<Metadata>(units, log, state, order, from, ended.signal), ended, signal)
}

async function* changesOf<Metadata>(
  units: AsyncIterable<CommittedUnit>,
  log: Log,
  state: IndexState,
  order: ApplyOrder,
  from: number,
  ended: AbortSignal,
): AsyncGenerator<IndexChange<Metadata>, void, void> {
  const { knownFrom } = state.voids
  const earlier =
    from < knownFrom && hasPast(log) ? await voidsBefore(walOf(log), from, knownFrom, ended) : undefined
  for await (const { seq, timestamp, entries } of units) {
    const changes = [...dataEntries(entries)]
    if (changes.length === 0) continue
    if (!(await isApplied(order, seq, ended))) return
    if (seq < knownFrom ? earlier?.has(seq) : state.voids.has(seq)) continue
    for (const [place, change] of changes.entries())
      yield { ...changeOf<Metadata>(change), seq, timestamp, isLast: place === changes.length - 1 }
  }
}

/** Waits until it is; answers false where it is ended before. */
async function isApplied(order: ApplyOrder, seq: number, ended: AbortSignal): Promise<boolean> {
  while (order.appliedSeq < seq) {
    order.needWhole()
    if (ended.aborted || order.isOver) return false
    await delay(APPLIED_POLL_MS)
  }
  return true
}

type Told<Metadata> = Pick<IndexChange<Metadata>, 'kind' | 'id' | 'vector' | 'metadata'>

function changeOf<Metadata>(change: DataEntry): Told<Metadata> {
  const { type, id } = change
  if (type === 'delete') return { kind: type, id, vector: undefined, metadata: undefined }
  const metadata = change.metadata as Metadata | undefined
  if (type === 'update') return { kind: type, id, vector: change.vector, metadata }
  const kind = change.replace ? 'upsert' : 'insert'
  return { kind, id, vector: change.vector, metadata: metadata ?? (null as Metadata) }
}
