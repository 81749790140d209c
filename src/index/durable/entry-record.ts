import { alignUp, type ByteBuffer, getUint64, setUint64 } from '../../format/byte-buffer.ts'
import type { StoredTexts } from './fingerprint.ts'

/**
 * What is kept of an id: a record of bytes, as in memory so in a snapshot. All numbers are
 * little-endian.
 *
 *     0    u64   label
 *     8    u32   bytes of metadata; ffffffff for none
 *     12   u16   bytes of the id
 *     14   u16   1 if id and metadata are ASCII alone, which is read sooner; else 0
 *     16   u64   number of its last change
 *     24         id in UTF-8, metadata as JSON text in UTF-8, zeros to a multiple of 8
 */
export const RECORD_HEADER_BYTES = 24
export const RECORD_ALIGNMENT = 8
const SEQ_AT = 16
export const NO_METADATA = 0xffff_ffff
export const ASCII = 1

/** A record that is larger has a chunk of its own. */
export const CHUNK_BYTES: number = 64 * 1024

/** Where a record is. Valid as long as it is held, whatever happens to the store. */
export interface RecordAt {
  readonly memory: ByteBuffer
  readonly at: number
}

export const labelAt = ({ memory, at }: RecordAt): number => getUint64(memory.view, at)

/** The number of the id's last change: where that took effect in the log. */
export const seqAt = ({ memory, at }: RecordAt): number => getUint64(memory.view, at + SEQ_AT)

/** Of a record that nobody has yet: what was written is never changed. */
export const setSeq = ({ view }: ByteBuffer, at: number, seq: number): void =>
  setUint64(view, at + SEQ_AT, seq)

export function idAt(record: RecordAt): string {
  const { memory, at } = record
  const start = at + RECORD_HEADER_BYTES
  return memory.bytes.toString(encodingOf(record), start, start + memory.view.getUint16(at + 12, true))
}

/** The JSON text of the metadata; null if there is none. */
export function jsonAt(record: RecordAt): string | null {
  const { memory, at } = record
  const bytes = memory.view.getUint32(at + 8, true)
  if (bytes === NO_METADATA) return null
  const start = at + RECORD_HEADER_BYTES + memory.view.getUint16(at + 12, true)
  return memory.bytes.toString(encodingOf(record), start, start + bytes)
}

const encodingOf = ({ memory, at }: RecordAt): 'latin1' | 'utf8' =>
  memory.view.getUint16(at + 14, true) === ASCII ? 'latin1' : 'utf8'

export function recordBytes({ view }: ByteBuffer, at: number): number {
  const metadata = view.getUint32(at + 8, true)
  const texts = view.getUint16(at + 12, true) + (metadata === NO_METADATA ? 0 : metadata)
  return alignUp(RECORD_HEADER_BYTES + texts, RECORD_ALIGNMENT)
}

/**
 * Id and metadata as they stand in memory, one behind the other; undefined where they are said not
 * to be ASCII alone.
 */
export function textsAt({ memory: { view, words }, at }: RecordAt): StoredTexts | undefined {
  if (view.getUint16(at + 14, true) !== ASCII) return undefined
  const metadataBytes = view.getUint32(at + 8, true)
  return {
    words,
    at: (at + RECORD_HEADER_BYTES) / Int32Array.BYTES_PER_ELEMENT,
    idBytes: view.getUint16(at + 12, true),
    metadataBytes: metadataBytes === NO_METADATA ? null : metadataBytes,
  }
}

/**
 * What keeps a record in a block from being one that this store writes; its texts are not looked
 * at.
 */
export function recordProblem(
  memory: ByteBuffer,
  at: number,
  end: number,
  nextLabel: number,
): string | undefined {
  if (at >= CHUNK_BYTES || at + RECORD_HEADER_BYTES > end || at + recordBytes(memory, at) > end)
    return 'a record reaches beyond its block'
  const label = getUint64(memory.view, at)
  if (!(label < nextLabel)) return 'a label is not below the next one'
  if (Number.isNaN(seqAt({ memory, at }))) return `the number of label ${label} is none`
  if (memory.view.getUint16(at + 12, true) === 0) return `the id of label ${label} is empty`
  if (memory.view.getUint16(at + 14, true) > ASCII) return 'a record has bytes set that must be zero'
  return undefined
}
