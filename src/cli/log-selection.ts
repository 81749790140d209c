/** Which lines of a log are asked for. Damage always is. */
import { type BatchMember, type Moment, type WalEntry, WalError } from '../mod.ts'
import type { V1Entry } from '../v1/mod.ts'
import { quote } from './text.ts'

export interface LogSelection {
  /** The first and the last sequence number. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  /** Milliseconds since the epoch. */
  readonly since?: number | undefined
  /** The same: nothing that is later. */
  readonly until?: number | undefined
  /** Records that change this id, those of batches too. */
  readonly id?: string | undefined
  readonly type?: string | undefined
}

/** A record of either format, as far as it is selected by. */
export interface Selectable {
  readonly seq: number | bigint
  readonly timestampMs: number
  readonly entry: WalEntry | V1Entry
}

/** An upsert is an insert that replaces. */
export const RECORD_TYPES: readonly (WalEntry['type'] | 'upsert')[] = [
  'insert',
  'upsert',
  'update',
  'delete',
  'batch',
  'custom',
  'checkpoint',
  'beginTransaction',
  'prepareTransaction',
  'commitTransaction',
  'abortTransaction',
  'gap',
]

export function isSelected({ seq, timestampMs, entry }: Selectable, selection: LogSelection): boolean {
  const { from = 0, to = Number.POSITIVE_INFINITY, id, type } = selection
  const { since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY } = selection
  if (seq < from || seq > to || timestampMs < since || timestampMs > until) return false
  if (type !== undefined && entry.type !== type && !(type === 'upsert' && isUpsert(entry))) return false
  return id === undefined || names(entry, id)
}

const isUpsert = (entry: WalEntry | V1Entry): boolean =>
  entry.type === 'insert' && 'replace' in entry && entry.replace === true

function names(entry: WalEntry | BatchMember | V1Entry, id: string): boolean {
  if (entry.type === 'batch') return entry.entries.some((member) => names(member, id))
  return 'id' in entry && entry.id === id
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * A time as people say it: `2026-11-30`, `2026-11-30T10:45:00Z`, or so long ago: `90s`, `15m`,
 * `2h`, `7d`. Undefined for what is none.
 */
function parseTime(text: string, nowMs: number): number | undefined {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(text) ?? []
  if (count !== undefined) return nowMs - Number(count) * UNITS[unit!]!
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(time) ? undefined : time
}

/** @throws WALV_USAGE */
export function timeFrom(text: string, nowMs: number): number {
  const time = parseTime(text, nowMs)
  if (time !== undefined) return time
  throw new WalError(
    'WALV_USAGE',
    `--since needs a time such as 2026-11-30T10:45:00Z or 15m, not ${quote(text)}. See \`walv log --help\`.`,
  )
}

/**
 * A moment as people say it: the number of a record, or a time.
 * @throws WALV_USAGE
 */
export function momentFrom(
  text: string,
  command: string,
  nowMs: number,
): Moment & { readonly time?: number | undefined } {
  const seq = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(seq)) return { seq }
  const time = parseTime(text, nowMs)
  if (time !== undefined) return { time }
  throw new WalError(
    'WALV_USAGE',
    `A moment is the number of a record, or a time such as 2026-11-30T10:45:00Z or 15m, not ${quote(text)}. See \`walv ${command} --help\`.`,
  )
}
