import { echo } from '../../echo.ts'
import type { BatchMember, DataEntry, EntryInput, JsonValue, WalRecord } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { V1_NOTE_KIND } from '../../format/own-kinds.ts'
import type { V1DataEntry, V1Entry, V1Record } from '../format/entry.ts'

/**
 * Metadata that v1 cannot hold, whose metadata is strings under strings, stands as JSON text under
 * this one key.
 */
const JSON_KEY = 'walv.json'
const MS_PER_SECOND = 1000
/** The largest timestamp of a v2 record: 48 bits. */
const MAX_TIMESTAMP = 2 ** 48 - 1

/** Seconds to milliseconds, as far as v2 can hold them. */
export function timestampToV2(seconds: bigint): number {
  return seconds > BigInt(Math.floor(MAX_TIMESTAMP / MS_PER_SECOND))
    ? MAX_TIMESTAMP
    : Number(seconds) * MS_PER_SECOND
}

export const timestampToV1 = (milliseconds: number): bigint =>
  BigInt(Math.floor(milliseconds / MS_PER_SECOND))

/**
 * The v2 entry that does what a v1 entry does, or undefined where v2 has none: checkpoints without
 * a snapshot, markers within batches.
 */
export function entryToV2(entry: V1Entry): BatchMember | undefined {
  switch (entry.type) {
    case 'insert':
      // The original lets a later insert win.
      return {
        type: 'insert',
        id: entry.id,
        vector: entry.vector,
        metadata: metadataToV2(entry.metadata),
        replace: true,
      }
    case 'update': {
      // In the original an update without metadata leaves it as it is.
      const { id, vector, metadata } = entry
      return { type: 'update', id, vector, ...(metadata && { metadata: metadataToV2(metadata) }) }
    }
    case 'delete':
      return { type: 'delete', id: entry.id }
    case 'batch':
      return { type: 'batch', entries: entry.entries.map(entryToV2).filter((member) => member !== undefined) }
    default:
      return undefined
  }
}

function metadataToV2(metadata: ReadonlyMap<string, string> | null): JsonValue {
  if (metadata === null) return null
  const text = metadata.size === 1 ? metadata.get(JSON_KEY) : undefined
  const parsed = text === undefined ? undefined : parse(text)
  return parsed === undefined ? Object.fromEntries(metadata) : parsed
}

function parse(text: string): JsonValue | undefined {
  try {
    const value: JsonValue = JSON.parse(text)
    return JSON.stringify(value) === text && !isStrings(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isStrings(value: JsonValue): value is { readonly [key: string]: string } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const members = Object.entries(value)
  return (
    members.every(([, member]) => typeof member === 'string') &&
    !(members.length === 1 && members[0]![0] === JSON_KEY)
  )
}

/** @throws WALV_INVALID_ENTRY for what v1 has no form of */
export function entryToV1(entry: EntryInput | WalRecord['entry'], seq: number, timestamp: bigint): V1Entry {
  switch (entry.type) {
    case 'insert':
    case 'update':
      return dataToV1(entry as DataChange, seq, timestamp)
    case 'delete':
      return { type: 'delete', id: entry.id, timestamp }
    case 'batch':
      return {
        type: 'batch',
        entries: entry.entries.map((member) => entryToV1(member, seq, timestamp)),
        timestamp,
      }
    default:
      throw new WalError(
        'WALV_INVALID_ENTRY',
        `Record ${seq} is a ${entry.type}, which format v1 cannot hold. The log stays as it is; no v1 directory was made of it.`,
        { seq },
      )
  }
}

type DataChange = Exclude<DataEntry, { type: 'delete' }>

function dataToV1(entry: DataChange, seq: number, timestamp: bigint): V1DataEntry {
  if (entry.vector === undefined || (entry.type === 'update' && entry.metadata === null)) {
    throw new WalError(
      'WALV_INVALID_ENTRY',
      `Record ${seq} changes ${echo(entry.id)} in a way that format v1 cannot hold: it has no updates of metadata alone, and none that remove it. The log stays as it is.`,
      { seq, id: entry.id },
    )
  }
  return {
    type: entry.type,
    id: entry.id,
    vector: entry.vector,
    metadata: metadataToV1(entry.metadata ?? null),
    timestamp,
  }
}

function metadataToV1(metadata: JsonValue): Map<string, string> | null {
  if (metadata === null) return null
  return isStrings(metadata)
    ? new Map(Object.entries(metadata))
    : new Map([[JSON_KEY, JSON.stringify(metadata)]])
}

/**
 * The payloads of `walv.v1` records: what a converted log has to say beside its records, so that
 * nothing is lost on the way back.
 */
export type Note =
  /** The next record was this one in v1, which cannot be told from the record itself. */
  | { readonly is: 'original'; readonly seq: bigint; readonly payload: Uint8Array }
  /** A v1 record for which v2 has none. */
  | { readonly is: 'alone'; readonly seq: bigint; readonly payload: Uint8Array }
  /** The next record was not in v1. */
  | { readonly is: 'added' }

const NOTE_CODES = ['original', 'alone', 'added'] as const

export function encodeNote(note: Note): Uint8Array {
  const payload = note.is === 'added' ? new Uint8Array() : note.payload
  const bytes = Buffer.alloc(9 + payload.length)
  bytes.writeUInt8(NOTE_CODES.indexOf(note.is), 0)
  if (note.is !== 'added') bytes.writeBigUInt64LE(note.seq, 1)
  bytes.set(payload, 9)
  return bytes
}

export function decodeNote(data: Uint8Array): Note {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length)
  const is = bytes.length >= 9 ? NOTE_CODES[bytes[0]!] : undefined
  if (is === undefined)
    throw new WalError(
      'WALV_INVALID_FILE',
      `A ${V1_NOTE_KIND} record of ${bytes.length} bytes makes no sense.`,
    )
  return is === 'added' ? { is } : { is, seq: bytes.readBigUInt64LE(1), payload: bytes.subarray(9) }
}

export const noteOf = (is: 'original' | 'alone', { seq, payload }: V1Record): Note => ({ is, seq, payload })
