import { types } from 'node:util'
import { echo } from '../echo.ts'
import type {
  BatchMember,
  CheckpointEntry,
  CustomEntry,
  EntryInput,
  GapEntry,
  InsertEntry,
  TransactionMarker,
  UpdateEntry,
  VectorInput,
} from '../entry.ts'
import { WalError } from '../errors.ts'
import {
  MAX_BATCH_ENTRIES,
  MAX_BATCH_NESTING,
  MAX_CUSTOM_KIND_BYTES,
  MAX_DIMENSIONS,
  MAX_ID_BYTES,
  MAX_RECORD_BYTES,
} from '../limits.ts'
import { alignUp, type ByteBuffer, setUint64 } from './byte-buffer.ts'
import { CheckedInsert, CheckedUpdate } from './checked-insert.ts'
import { FRAME_TYPES, type FrameType } from './frame.ts'
import { checkedTextBytes, metadataText } from './metadata.ts'
import { isShortAscii, writeText } from './short-text.ts'

/** The fixed part in front of a data entry's vector. */
export const DATA_PREFIX_BYTES = 12
export const CUSTOM_PREFIX_BYTES = 8
export const CHECKPOINT_PREFIX_BYTES = 24
/** Type and length in front of each entry of a batch. */
export const MEMBER_PREFIX_BYTES = 8
export const ELEMENT_FLOAT32 = 1

export const HAS_VECTOR = 1
export const HAS_METADATA = 2
export const REPLACE = 4

/** An entry validated and measured, ready to be written into memory of exactly `bytes`. */
export interface Encodable {
  readonly type: FrameType
  readonly bytes: number
  /** The frame's flags that say what the payload begins with; none where absent. */
  readonly envelopeFlags?: number
  write(target: ByteBuffer, at: number): void
}

/**
 * The same for what a user hands in: entries that only the log itself may write are refused.
 * @throws WALV_INVALID_ENTRY and what `encodable` throws
 */
export function encodableInput(entry: EntryInput): Encodable {
  const result = encodable(entry)
  if (!isMember(result.type))
    throw invalid(
      `A ${entry.type} cannot be appended: it is written by begin(), commit(), abort(), prepare() or checkpoint().`,
    )
  return result
}

const isMember = (type: FrameType): boolean => type <= FRAME_TYPES.batch || type === FRAME_TYPES.custom

type LoggableEntry = EntryInput | CheckpointEntry | TransactionMarker | GapEntry

/**
 * Validates an entry and measures its payload; nothing of it is kept by reference after `write`.
 * @throws WALV_INVALID_ENTRY, WALV_INVALID_ID, WALV_INVALID_VECTOR, WALV_INVALID_METADATA,
 * WALV_LIMIT
 */
export function encodable(entry: LoggableEntry): Encodable {
  const result = measure(entry)
  if (result.bytes > MAX_RECORD_BYTES) {
    throw new WalError(
      'WALV_LIMIT',
      `The ${entry.type} has ${result.bytes} bytes; a record may have at most ${MAX_RECORD_BYTES}. Split it. Nothing was logged.`,
    )
  }
  return result
}

/** What is counted of the batches around an entry. */
interface Nested {
  entries: number
  nesting: number
}

function measure(entry: LoggableEntry, within?: Nested): Encodable {
  if (typeof entry !== 'object' || entry === null)
    throw invalid(`An entry must be an object, not ${echo(entry)}.`)
  switch (entry.type) {
    case 'insert':
      return CheckedInsert.is(entry) ? measureChecked(entry) : measureInsert(entry, within)
    case 'update':
      return CheckedUpdate.is(entry)
        ? encodableUpdate(entry.id, entry.vector, CheckedUpdate.jsonOf(entry))
        : measureUpdate(entry, within)
    case 'delete': {
      const { id } = entry
      return encodableData(FRAME_TYPES.delete, 0, id, checkedIdBytes(id))
    }
    case 'custom':
      return measureCustom(entry, within)
    case 'batch':
      return measureBatch(entry.entries, within)
    case 'checkpoint':
      return measureCheckpoint(entry)
    case 'gap':
      return {
        type: FRAME_TYPES.gap,
        bytes: 8,
        write: (target, at) => setUint64(target.view, at, entry.throughSeq),
      }
    case 'beginTransaction':
    case 'prepareTransaction':
    case 'commitTransaction':
    case 'abortTransaction':
      return { type: FRAME_TYPES[entry.type], bytes: 0, write: () => {} }
    default:
      throw invalid(
        `An entry cannot have the type ${echo((entry as { type: unknown }).type)}. The types are: insert, update, delete, batch, custom; an upsert is an insert with replace: true.`,
      )
  }
}

const invalid = (message: string): WalError =>
  new WalError('WALV_INVALID_ENTRY', `${message} Nothing was logged.`)

function measureInsert(
  { id, vector: given, metadata, replace }: InsertEntry<VectorInput>,
  within: Nested | undefined,
): Encodable {
  const flags = HAS_VECTOR | (replace ? REPLACE : 0)
  const idBytes = checkedIdBytes(id)
  // `null` is the same as none.
  if (metadata === undefined || metadata === null)
    return encodableData(FRAME_TYPES.insert, flags, id, idBytes, takenVector(given, id, within))
  const json = metadataText(metadata, id)
  const jsonBytes = checkedTextBytes(json, id)
  const vector = takenVector(given, id, within)
  return encodableData(FRAME_TYPES.insert, flags | HAS_METADATA, id, idBytes, vector, json, jsonBytes)
}

function measureUpdate(
  { id, vector: given, metadata }: UpdateEntry<VectorInput>,
  within: Nested | undefined,
): Encodable {
  checkedIdBytes(id)
  const json = metadata === undefined ? undefined : metadataText(metadata, id)
  return encodableUpdate(id, given === undefined ? undefined : takenVector(given, id, within), json)
}

function encodableUpdate(id: string, vector?: Float32Array, json?: string): EncodableData {
  const flags = (vector === undefined ? 0 : HAS_VECTOR) | (json === undefined ? 0 : HAS_METADATA)
  const jsonBytes = json === undefined ? 0 : checkedTextBytes(json, id)
  return encodableData(FRAME_TYPES.update, flags, id, checkedIdBytes(id), vector, json, jsonBytes)
}

/** Nobody changes it any more, not even where it waits for other members of its batch. */
function measureChecked(entry: CheckedInsert): Encodable {
  const { id, vector, replace } = entry
  const idBytes = checkedIdBytes(id)
  const json = CheckedInsert.jsonOf(entry)
  const jsonBytes = json === undefined ? 0 : checkedTextBytes(json, id)
  const flags = HAS_VECTOR | (json === undefined ? 0 : HAS_METADATA) | (replace ? REPLACE : 0)
  return encodableData(FRAME_TYPES.insert, flags, id, idBytes, vectorOf(vector, id), json, jsonBytes)
}

/** In a batch a copy: code that runs while its other members are read may change it. */
function takenVector(given: VectorInput, id: string, within: Nested | undefined): Float32Array {
  const vector = vectorOf(given, id)
  return within === undefined ? vector : new Float32Array(vector)
}

/** An insert, an update or a delete. */
interface EncodableData extends Encodable {
  readonly id: string
  readonly idBytes: number
  readonly vector: Float32Array | undefined
  readonly dimensions: number
  readonly json: string | undefined
  readonly jsonBytes: number
  readonly flags: number
}

/**
 * Comes last: metadata, and whatever else is read, may run code of the caller's, which may change
 * what was measured before.
 */
function encodableData(
  type: FrameType,
  flags: number,
  id: string,
  idBytes: number,
  vector?: Float32Array,
  json?: string,
  jsonBytes: number = 0,
): EncodableData {
  const dimensions = vector === undefined ? 0 : vector.length
  const bytes = DATA_PREFIX_BYTES + dimensions * 4 + idBytes + jsonBytes
  return { type, bytes, id, idBytes, vector, dimensions, json, jsonBytes, flags, write: writeData }
}

/** One function for all entries, and not a closure for each. */
function writeData(this: EncodableData, { bytes, words, floats }: ByteBuffer, at: number): void {
  const { id, idBytes, vector, dimensions, json, jsonBytes, flags } = this
  const word = at >> 2
  words[word] = jsonBytes
  words[word + 1] = idBytes | (dimensions << 16)
  words[word + 2] = (vector === undefined ? 0 : ELEMENT_FLOAT32) | (flags << 8)
  if (vector !== undefined) floats.set(vector, word + DATA_PREFIX_BYTES / 4)
  const idAt = at + DATA_PREFIX_BYTES + dimensions * 4
  writeText(bytes, id, idAt, idBytes)
  if (json !== undefined) writeText(bytes, json, idAt + idBytes, jsonBytes)
}

/**
 * The UTF-8 length of an id, after making sure that it is one.
 * @throws WALV_INVALID_ID, WALV_LIMIT
 */
export function checkedIdBytes(id: unknown): number {
  if (typeof id !== 'string')
    throw new WalError('WALV_INVALID_ID', `An id must be a string, not ${echo(id)}. Nothing was logged.`)
  if (id.length === 0) throw new WalError('WALV_INVALID_ID', 'An id must not be empty. Nothing was logged.')
  if (isShortAscii(id)) return id.length
  if (!id.isWellFormed()) {
    throw new WalError(
      'WALV_INVALID_ID',
      `The id ${echo(id)} has half a surrogate pair, which UTF-8 cannot hold. Nothing was logged.`,
      { id },
    )
  }
  const bytes = Buffer.byteLength(id, 'utf8')
  if (bytes > MAX_ID_BYTES) {
    throw new WalError(
      'WALV_LIMIT',
      `The id ${echo(id)} has ${bytes} bytes of UTF-8; at most ${MAX_ID_BYTES} are allowed. Nothing was logged.`,
    )
  }
  return bytes
}

/**
 * The vector as float32. A `Float32Array` is taken as it is, of whatever realm, numbers are
 * rounded.
 * @throws WALV_INVALID_VECTOR, WALV_LIMIT
 */
export function vectorOf(input: VectorInput, id: string): Float32Array {
  const isFloats = types.isFloat32Array(input)
  if (!isFloats && !Array.isArray(input)) {
    throw new WalError(
      'WALV_INVALID_VECTOR',
      `The vector of ${echo(id)} must be a Float32Array or an array of numbers. Nothing was logged.`,
      { id },
    )
  }
  const { length } = input
  if (length > MAX_DIMENSIONS) {
    throw new WalError(
      'WALV_LIMIT',
      `The vector of ${echo(id)} has ${length} dimensions; at most ${MAX_DIMENSIONS} are allowed. Nothing was logged.`,
      { id },
    )
  }
  return isFloats ? input : fromNumbers(input, length, id)
}

function fromNumbers(input: readonly unknown[], length: number, id: string): Float32Array {
  const vector = new Float32Array(length)
  for (let at = 0; at < length; at++) {
    const value = input[at]
    if (typeof value !== 'number') {
      throw new WalError(
        'WALV_INVALID_VECTOR',
        `Element ${at} of the vector of ${echo(id)} is ${echo(value)}, not a number. Nothing was logged.`,
        { id },
      )
    }
    vector[at] = value
  }
  return vector
}

/** @throws WALV_INVALID_ENTRY, WALV_LIMIT */
function measureCustom({ kind, data: given }: CustomEntry, within: Nested | undefined): Encodable {
  if (typeof kind !== 'string' || kind.length === 0 || !kind.isWellFormed())
    throw invalid('The kind of a custom entry must be a well-formed, non-empty string.')
  if (!types.isUint8Array(given))
    throw invalid(`The data of the custom entry ${echo(kind)} must be a Uint8Array.`)
  const data = within === undefined ? given : new Uint8Array(given)
  const kindBytes = Buffer.byteLength(kind, 'utf8')
  if (kindBytes > MAX_CUSTOM_KIND_BYTES) {
    throw new WalError(
      'WALV_LIMIT',
      `The kind of a custom entry has ${kindBytes} bytes of UTF-8; at most ${MAX_CUSTOM_KIND_BYTES} are allowed. Nothing was logged.`,
    )
  }
  return {
    type: FRAME_TYPES.custom,
    bytes: CUSTOM_PREFIX_BYTES + kindBytes + data.length,
    write({ bytes, view }, at) {
      view.setUint32(at, data.length, true)
      view.setUint16(at + 4, kindBytes, true)
      view.setUint16(at + 6, 0, true)
      bytes.write(kind, at + CUSTOM_PREFIX_BYTES, 'utf8')
      bytes.set(data, at + CUSTOM_PREFIX_BYTES + kindBytes)
    },
  }
}

function measureBatch(
  entries: readonly BatchMember<VectorInput>[],
  within: Nested = { entries: 0, nesting: 0 },
): Encodable {
  const given = membersOf(entries)
  if (within.nesting >= MAX_BATCH_NESTING) {
    throw new WalError(
      'WALV_LIMIT',
      `Batches may be nested at most ${MAX_BATCH_NESTING} deep. Nothing was logged.`,
    )
  }
  within.entries += given.length
  if (within.entries > MAX_BATCH_ENTRIES) throw tooManyEntries()
  within.nesting++
  const members = given.map((entry) => measureMember(entry, within))
  within.nesting--
  let bytes = 8
  for (const member of members) bytes += MEMBER_PREFIX_BYTES + alignUp(member.bytes, 4)
  return { type: FRAME_TYPES.batch, bytes, write: (target, at) => writeMembers(target, at, members) }
}

/**
 * The entries of a batch, each taken once: what runs while one is read may change the array.
 * @throws WALV_INVALID_ENTRY, WALV_LIMIT
 */
export function membersOf<T>(entries: readonly T[]): T[] {
  if (!Array.isArray(entries)) throw invalid('The entries of a batch must be an array.')
  const { length } = entries
  if (length > MAX_BATCH_ENTRIES) throw tooManyEntries()
  return Array.from({ length }, (_, at) => entries[at] as T)
}

const tooManyEntries = (): WalError =>
  new WalError(
    'WALV_LIMIT',
    `A batch may hold at most ${MAX_BATCH_ENTRIES} entries. Split it. Nothing was logged.`,
  )

function measureMember(entry: BatchMember<VectorInput>, within: Nested): Encodable {
  const member = measure(entry, within)
  if (!isMember(member.type)) throw invalid(`A batch cannot hold an entry of type ${echo(entry.type)}.`)
  return member
}

function writeMembers(target: ByteBuffer, start: number, members: readonly Encodable[]): void {
  target.view.setUint32(start, members.length, true)
  target.view.setUint32(start + 4, 0, true)
  let at = start + 8
  for (const member of members) {
    target.view.setUint32(at, member.type, true)
    target.view.setUint32(at + 4, member.bytes, true)
    at += MEMBER_PREFIX_BYTES
    member.write(target, at)
    target.bytes.fill(0, at + member.bytes, at + alignUp(member.bytes, 4))
    at += alignUp(member.bytes, 4)
  }
}

function measureCheckpoint(entry: CheckpointEntry): Encodable {
  const json = entry.snapshot === null ? Buffer.alloc(0) : Buffer.from(JSON.stringify(entry.snapshot), 'utf8')
  return {
    type: FRAME_TYPES.checkpoint,
    bytes: CHECKPOINT_PREFIX_BYTES + json.length,
    write({ bytes, view }, at) {
      setUint64(view, at, entry.sequenceNumber)
      setUint64(view, at + 8, entry.replayFrom)
      view.setUint32(at + 16, json.length, true)
      view.setUint32(at + 20, 0, true)
      json.copy(bytes, at + CHECKPOINT_PREFIX_BYTES)
    },
  }
}
