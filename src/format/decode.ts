import type {
  BatchMember,
  CheckpointEntry,
  CustomEntry,
  DataEntry,
  SnapshotFile,
  SnapshotReference,
  WalEntry,
  WalRecord,
} from '../entry.ts'
import { MAX_BATCH_NESTING, MAX_CUSTOM_KIND_BYTES } from '../limits.ts'
import { alignUp, type ByteBuffer, getUint64 } from './byte-buffer.ts'
import {
  CHECKPOINT_PREFIX_BYTES,
  CUSTOM_PREFIX_BYTES,
  DATA_PREFIX_BYTES,
  ELEMENT_FLOAT32,
  HAS_METADATA,
  HAS_VECTOR,
  MEMBER_PREFIX_BYTES,
  REPLACE,
} from './encode.ts'
import { envelopeBytes, originAt, transactionAt } from './envelope.ts'
import {
  FLAG_HAS_ORIGIN,
  FLAG_IN_TRANSACTION,
  FRAME_HEADER_BYTES,
  FRAME_TYPES,
  type FrameHeader,
  type FrameType,
} from './frame.ts'
import { decodeMetadata } from './metadata.ts'

/**
 * What a verified frame says, or a reason why it makes no sense: then it was not written by walv.
 */
export type Decoding = { readonly record: WalRecord } | { readonly problem: string }

/**
 * Of a snapshot's folder and files: what cannot lead out of a folder, and what every file system
 * takes.
 */
export const SNAPSHOT_FILE_NAME: RegExp = /^\w[\w.-]{0,99}$/

class Malformed extends Error {}

/**
 * Decodes the frame at `at`, header read and payload verified. Vectors and data are copies, or,
 * with `borrow`, views of the source's memory. Bounded by the payload's length.
 */
export function decodeRecord(source: ByteBuffer, at: number, header: FrameHeader, borrow = false): Decoding {
  try {
    return { record: recordOf(source, at + FRAME_HEADER_BYTES, header, borrow) }
  } catch (error) {
    if (error instanceof Malformed) return { problem: error.message }
    throw error
  }
}

/**
 * The same of the payload alone of an entry that a user may append; vectors and data are views of
 * the source's memory.
 */
export function decodeMember(
  source: ByteBuffer,
  at: number,
  bytes: number,
  type: FrameType,
): { readonly entry: BatchMember } | { readonly problem: string } {
  try {
    need(isMember(type), `an entry of type ${type}`)
    return { entry: entryOf(source, at, at + bytes, type, 0, true) as BatchMember }
  } catch (error) {
    if (error instanceof Malformed) return { problem: error.message }
    throw error
  }
}

const isMember = (type: FrameType): boolean => type <= FRAME_TYPES.batch || type === FRAME_TYPES.custom

function recordOf(source: ByteBuffer, start: number, header: FrameHeader, borrow: boolean): WalRecord {
  const end = start + header.payloadBytes
  const { seq, timestamp } = header
  const body = start + envelopeBytes(header.flags)
  need(body <= end, 'no room for a transaction id or an origin')
  const entry = entryOf(source, body, end, header.type, 0, borrow)
  if (entry.type === 'checkpoint') checkReach(entry, seq)
  return body === start
    ? { seq, timestamp, entry }
    : { seq, timestamp, entry, ...envelopeOf(source, start, header) }
}

function envelopeOf(
  source: ByteBuffer,
  start: number,
  { flags }: FrameHeader,
): Pick<WalRecord, 'transactionId' | 'origin'> {
  const transactionId = (flags & FLAG_IN_TRANSACTION) === 0 ? undefined : transactionAt(source, start)
  need(!Number.isNaN(transactionId), 'a transaction id beyond 2^53')
  const origin = (flags & FLAG_HAS_ORIGIN) === 0 ? undefined : originAt(source, start, flags)
  need(!Number.isNaN(origin?.number), 'the number of an origin beyond 2^53')
  return { ...(transactionId !== undefined && { transactionId }), ...(origin && { origin }) }
}

function need(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new Malformed(problem)
}

function entryOf(
  source: ByteBuffer,
  start: number,
  end: number,
  type: FrameType,
  nesting: number,
  borrow: boolean,
): WalEntry {
  switch (type) {
    case FRAME_TYPES.insert:
    case FRAME_TYPES.update:
    case FRAME_TYPES.delete:
      return dataOf(source, start, end, type, borrow)
    case FRAME_TYPES.batch:
      return { type: 'batch', entries: membersOf(source, start, end, nesting, borrow) }
    case FRAME_TYPES.custom:
      return customOf(source, start, end, borrow)
    case FRAME_TYPES.checkpoint:
      return checkpointOf(source, start, end)
    case FRAME_TYPES.gap:
      return { type: 'gap', throughSeq: uint64(source, start, end) }
    case FRAME_TYPES.beginTransaction:
      return { type: 'beginTransaction' }
    case FRAME_TYPES.prepareTransaction:
      return { type: 'prepareTransaction' }
    case FRAME_TYPES.commitTransaction:
      return { type: 'commitTransaction' }
    case FRAME_TYPES.abortTransaction:
      return { type: 'abortTransaction' }
    default:
      throw new Malformed(`an unknown entry type, ${type}`)
  }
}

function uint64(source: ByteBuffer, start: number, end: number): number {
  need(start + 8 <= end, 'no room for a number')
  const value = getUint64(source.view, start)
  need(!Number.isNaN(value), 'a number beyond 2^53')
  return value
}

function dataOf(source: ByteBuffer, start: number, end: number, type: FrameType, borrow: boolean): DataEntry {
  const { bytes, view } = source
  need(start + DATA_PREFIX_BYTES <= end, 'no room for its fields')
  const metadataBytes = view.getUint32(start, true)
  const idBytes = view.getUint16(start + 4, true)
  const dimensions = view.getUint16(start + 6, true)
  need(idBytes > 0, 'an id of 0 bytes')
  const flags = view.getUint8(start + 9)
  const idAt = start + DATA_PREFIX_BYTES + dimensions * 4
  need(idAt + idBytes + metadataBytes === end, 'fields of other lengths than the record')
  const hasVector = (flags & HAS_VECTOR) !== 0
  need(view.getUint8(start + 8) === (hasVector ? ELEMENT_FLOAT32 : 0), 'an unknown element type')
  const id = bytes.toString('utf8', idAt, idAt + idBytes)
  const vector = hasVector ? floatsAt(source, start + DATA_PREFIX_BYTES, dimensions, borrow) : undefined
  const metadata = (flags & HAS_METADATA) === 0 ? undefined : metadataOf(bytes.subarray(idAt + idBytes, end))
  if (type === FRAME_TYPES.delete) return { type: 'delete', id }
  if (type === FRAME_TYPES.update) {
    return { type: 'update', id, ...(vector && { vector }), ...(metadata !== undefined && { metadata }) }
  }
  need(vector !== undefined, 'an insert without a vector')
  if ((flags & REPLACE) !== 0)
    return { type: 'insert', id, vector, metadata: metadata ?? null, replace: true }
  return { type: 'insert', id, vector, metadata: metadata ?? null }
}

function metadataOf(bytes: Buffer): NonNullable<DataEntry & { type: 'insert' }>['metadata'] {
  const metadata = decodeMetadata(bytes)
  need(metadata !== undefined, 'metadata that is no JSON')
  return metadata
}

/** Either way by bytes, so that a NaN keeps its payload. */
function floatsAt({ floats }: ByteBuffer, at: number, count: number, borrow: boolean): Float32Array {
  const from = at / 4
  return borrow ? floats.subarray(from, from + count) : floats.slice(from, from + count)
}

function membersOf(
  source: ByteBuffer,
  start: number,
  end: number,
  nesting: number,
  borrow: boolean,
): BatchMember[] {
  need(nesting < MAX_BATCH_NESTING, `batches nested deeper than ${MAX_BATCH_NESTING}`)
  need(start + 8 <= end, 'no room for a count')
  const count = source.view.getUint32(start, true)
  need(count * MEMBER_PREFIX_BYTES <= end - start, 'a count of entries beyond the record')
  const members: BatchMember[] = []
  let at = start + 8
  for (let index = 0; index < count; index++) {
    need(at + MEMBER_PREFIX_BYTES <= end, 'an entry beyond the record')
    const type = source.view.getUint32(at, true) as FrameType
    const bytes = source.view.getUint32(at + 4, true)
    at += MEMBER_PREFIX_BYTES
    need(at + alignUp(bytes, 4) <= end, 'an entry beyond the record')
    need(isMember(type), `an entry of type ${type} in a batch`)
    members.push(entryOf(source, at, at + bytes, type, nesting + 1, borrow) as BatchMember)
    at += alignUp(bytes, 4)
  }
  need(at === end, 'bytes behind its last entry')
  return members
}

function customOf({ bytes, view }: ByteBuffer, start: number, end: number, borrow: boolean): CustomEntry {
  need(start + CUSTOM_PREFIX_BYTES <= end, 'no room for its fields')
  const dataBytes = view.getUint32(start, true)
  const kindAt = start + CUSTOM_PREFIX_BYTES
  const kindBytes = view.getUint16(start + 4, true)
  const dataAt = kindAt + kindBytes
  need(kindBytes > 0 && kindBytes <= MAX_CUSTOM_KIND_BYTES, `a kind of ${kindBytes} bytes`)
  need(dataAt + dataBytes === end, 'fields of other lengths than the record')
  return {
    type: 'custom',
    kind: bytes.toString('utf8', kindAt, dataAt),
    data: borrow
      ? new Uint8Array(bytes.buffer, bytes.byteOffset + dataAt, dataBytes)
      : new Uint8Array(bytes.subarray(dataAt, end)),
  }
}

function checkpointOf(source: ByteBuffer, start: number, end: number): CheckpointEntry {
  need(start + CHECKPOINT_PREFIX_BYTES <= end, 'no room for its fields')
  const json = source.bytes.subarray(start + CHECKPOINT_PREFIX_BYTES, end)
  need(source.view.getUint32(start + 16, true) === json.length, 'fields of other lengths than the record')
  return {
    type: 'checkpoint',
    sequenceNumber: uint64(source, start, end),
    replayFrom: uint64(source, start + 8, end),
    snapshot: json.length === 0 ? null : snapshotOf(decodeMetadata(json)),
  }
}

/**
 * A checkpoint reaches over what stood before it, and a replay on top of it begins no later than
 * behind that.
 */
function checkReach({ sequenceNumber, replayFrom }: CheckpointEntry, seq: number): void {
  need(sequenceNumber < seq, `a snapshot through record ${sequenceNumber}, before which it stands`)
  need(
    replayFrom <= sequenceNumber + 1,
    `a replay from record ${replayFrom}, though it reaches through ${sequenceNumber}`,
  )
}

function snapshotOf(value: unknown): SnapshotReference {
  const snapshot = value as Partial<SnapshotReference> | null | undefined
  need(
    typeof snapshot?.name === 'string' && Array.isArray(snapshot.files),
    'a snapshot without a name or files',
  )
  const names: unknown[] = snapshot.files.map((file) => file?.name)
  need(
    [snapshot.name, ...names].every(isFileName) && new Set(names).size === names.length,
    'a snapshot with names that are no file names, or come twice',
  )
  need(snapshot.files.every(isVerifiable), 'a snapshot with a file without a size or hash')
  return value as SnapshotReference
}

const isFileName = (name: unknown): boolean => typeof name === 'string' && SNAPSHOT_FILE_NAME.test(name)

const isVerifiable = ({ bytes, sha256 }: SnapshotFile): boolean =>
  Number.isSafeInteger(bytes) && bytes >= 0 && /^[0-9a-f]{64}$/.test(sha256)

/** The transaction that a frame belongs to, or −1. */
export function transactionOf(memory: ByteBuffer, at: number, header: FrameHeader): number {
  const within = (header.flags & FLAG_IN_TRANSACTION) !== 0 && header.payloadBytes >= 8
  return within ? getUint64(memory.view, at + FRAME_HEADER_BYTES) : -1
}

/** The last lost sequence number that a gap frame names. */
export const gapThrough = (memory: ByteBuffer, at: number): number =>
  getUint64(memory.view, at + FRAME_HEADER_BYTES)
