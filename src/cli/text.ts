import { isoTime } from '../clock.ts'
/**
 * Records and damage as one line for people. Nothing in a log can reach the terminal as a control
 * sequence.
 */
import {
  type Condition,
  conditionIn,
  type Damage,
  type IndexIdentity,
  indexIdentity,
  type SequenceRange,
  type WalEntry,
  WalError,
  type WalRecord,
} from '../mod.ts'
import type { V1Entry, V1Record } from '../v1/mod.ts'
import { formatBytes, formatQuantity } from './output.ts'

const MAX_STRING_CHARACTERS = 60
const MAX_METADATA_CHARACTERS = 100
const MAX_MEMBERS = 3
const MAX_IDS = 5
const MAX_RANGES = 5

/**
 * `7  2023-11-14T22:13:20.000Z  insert "doc-1", 100 dimensions, {"lang":"en"}`. `isConditional`: it
 * is of entries that take effect together if a condition holds; the index that applies them knows.
 */
export function recordToText(record: WalRecord, isConditional = false): string {
  const { seq, timestamp, entry, transactionId, origin } = record
  const transaction = transactionId === undefined ? '' : `  (transaction ${transactionId})`
  const from = origin === undefined ? '' : `  (change ${origin.number} of ${origin.process.slice(0, 8)})`
  const condition = isConditional ? '  (if its condition holds)' : ''
  return `${seq}  ${timeOf(timestamp)}  ${entryToText(entry)}${transaction}${condition}${from}`
}

/** The same with the timestamp as it stands. */
export function v1RecordToText(record: V1Record): string {
  return `${record.seq}  ${record.entry.timestamp}  ${entryToText(record.entry)}`
}

/**
 * `damage: corrupt, at byte 96 of FILE (52 bytes), acknowledged records are lost: seq 7; …`
 */
export function damageToText(damage: Damage): string {
  const { kind, file, offset, bytes, seqs, ids, detail } = damage
  const place = `${kind}, at byte ${offset} of ${quote(file, Number.POSITIVE_INFINITY)} (${formatBytes(bytes)})`
  const ranges = seqs.length === 0 ? '' : `: seq ${shorten(seqs.map(rangeToText), MAX_RANGES)}`
  const names =
    ids.length === 0
      ? ''
      : `; ids ${shorten(
          ids.map((id) => quote(id)),
          MAX_IDS,
        )}`
  return `damage: ${place}, ${lossToText(damage)}${ranges}${names}. ${escapeControls(detail)}`
}

function lossToText({ acknowledged }: Damage): string {
  if (acknowledged === null) return 'whether acknowledged records are lost cannot be known'
  return acknowledged ? 'acknowledged records are lost' : 'nothing acknowledged is lost'
}

export function rangeToText({ from, through }: SequenceRange): string {
  if (through === null) return `${from} and later`
  return from === through ? String(from) : `${from} to ${through}`
}

function entryToText(entry: WalEntry | V1Entry): string {
  switch (entry.type) {
    case 'insert':
    case 'update':
      return [subject(entry), ...vectorToText(entry.vector), ...metadataToText(entry)].join(', ')
    case 'delete':
      return subject(entry)
    case 'custom': {
      const identity = indexIdentity(entry)
      const condition = knownCondition(entry)
      if (condition) return conditionToText(condition)
      return identity
        ? identityToText(identity)
        : `custom ${quote(entry.kind)}, ${formatBytes(entry.data.length)}`
    }
    case 'batch': {
      const members = entry.entries.slice(0, MAX_MEMBERS).map(memberToText)
      const count = entry.entries.length
      if (count === 0) return 'batch of nothing'
      return `batch of ${formatQuantity(count, 'entry', 'entries')}: ${shorten(members, MAX_MEMBERS, count)}`
    }
    case 'checkpoint': {
      const snapshot =
        'snapshot' in entry && entry.snapshot !== null ? `, snapshot ${quote(entry.snapshot.name)}` : ''
      return `checkpoint through ${entry.sequenceNumber}${snapshot}`
    }
    case 'gap':
      return `gap: the records through ${entry.throughSeq} are lost`
    default:
      return 'transactionId' in entry ? `${entry.type} ${entry.transactionId}` : entry.type
  }
}

/** Whether entries that take effect together do so only if a condition holds. */
export const hasCondition = (entries: readonly WalEntry[]): boolean =>
  entries.some((entry) =>
    entry.type === 'batch' ? hasCondition(entry.entries) : knownCondition(entry) !== undefined,
  )

/** A condition that cannot be understood is bytes like others. */
export function knownCondition(entry: WalEntry): Condition | undefined {
  try {
    return conditionIn(entry)
  } catch (error) {
    if (error instanceof WalError) return undefined
    throw error
  }
}

function conditionToText({ expects, key }: Condition): string {
  const parts = expects.map(({ id, seq }) => `${quote(id)} ${seq === null ? 'absent' : `at ${seq}`}`)
  const ids = parts.length === 0 ? [] : [`if ${shorten(parts, MAX_MEMBERS)}`]
  return `condition: ${[...ids, ...(key ? [`once as ${quote(key.text)}`] : [])].join(', ')}`
}

function identityToText({ dimensions, metric, elementType, model }: IndexIdentity): string {
  const vectors = `vectors of ${formatQuantity(dimensions, 'dimension')}, ${elementType}, metric ${metric}`
  return model === undefined ? vectors : `${vectors}, model ${quote(model)}`
}

/** A condition is told in full, since it says what becomes of the others. */
function memberToText(entry: WalEntry | V1Entry): string {
  const condition = entry.type === 'custom' ? knownCondition(entry) : undefined
  return condition ? conditionToText(condition) : subject(entry)
}

/** What an entry does to what. */
function subject(entry: WalEntry | V1Entry): string {
  const verb = 'replace' in entry && entry.replace === true ? 'upsert' : entry.type
  return 'id' in entry ? `${verb} ${quote(entry.id)}` : verb
}

function vectorToText(vector: Float32Array | undefined): string[] {
  return vector === undefined ? [] : [formatQuantity(vector.length, 'dimension')]
}

/** Nothing for an insert without; an update to none says so. */
function metadataToText({
  type,
  metadata,
}: Extract<WalEntry | V1Entry, { type: 'insert' | 'update' }>): string[] {
  if (metadata === undefined || metadata === null)
    return type === 'update' && metadata === null ? ['no metadata'] : []
  const value = metadata instanceof Map ? Object.fromEntries(metadata) : metadata
  return [escapeControls(cut(JSON.stringify(value), MAX_METADATA_CHARACTERS))]
}

/** The first of `parts`, and how many more there are. */
export function shorten(parts: readonly string[], max: number, count: number = parts.length): string {
  const shown = parts.slice(0, max).join(', ')
  return count > max ? `${shown} and ${count - max} more` : shown
}

export function quote(text: string, maxCharacters: number = MAX_STRING_CHARACTERS): string {
  return escapeControls(JSON.stringify(cut(text, maxCharacters)))
}

export function cut(text: string, maxCharacters: number = MAX_STRING_CHARACTERS): string {
  return text.length <= maxCharacters ? text : `${text.slice(0, maxCharacters).toWellFormed()}…`
}

/** Controls, line separators, and the marks that turn the direction of writing, as `\uXXXX`. */
export function escapeControls(text: string): string {
  return text.replace(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** The last moment that a date can say. */
const LAST_TIME = 8.64e15

const timeOf = (timestamp: number): string =>
  Math.abs(timestamp) <= LAST_TIME ? isoTime(timestamp) : String(timestamp)
