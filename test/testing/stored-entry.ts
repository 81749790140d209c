import { byteBuffer } from '../../src/format/byte-buffer.ts'
import { decodeRecord } from '../../src/format/decode.ts'
import { encodableInput } from '../../src/format/encode.ts'
import { FRAME_HEADER_BYTES } from '../../src/format/frame.ts'
import type { BatchMember, EntryInput } from '../../src/mod.ts'

/** What a log of format v2 would give back of an entry, or why it would refuse it. */
export function stored(entry: EntryInput): BatchMember {
  const encodable = encodableInput(entry)
  const { type, bytes } = encodable
  const memory = byteBuffer(FRAME_HEADER_BYTES + bytes)
  encodable.write(memory, FRAME_HEADER_BYTES)
  const header = { type, flags: 0, seq: 0, timestamp: 0, durableBefore: 0, payloadBytes: bytes }
  const decoding = decodeRecord(memory, 0, header)
  if ('problem' in decoding) throw new Error(decoding.problem)
  return decoding.record.entry as BatchMember
}
