import { alignUp, type ByteBuffer, byteBuffer } from '../../format/byte-buffer.ts'
import { CHUNK_BYTES, NO_METADATA, RECORD_ALIGNMENT, RECORD_HEADER_BYTES, setSeq } from './entry-record.ts'

/** Records of layout 2 have no number: their texts stand where it is since. */
const HEADER_BYTES = 16

/** Records, back to back. */
export interface Block {
  readonly memory: ByteBuffer
  readonly bytes: number
}

/**
 * The records of a block of layout 2 as those of layout 3, with the largest number that there is,
 * in blocks that are not too large. Returns what is wrong with the block, if anything.
 */
export function* numberedBlocks({ memory, bytes }: Block): Generator<Block, string | undefined, void> {
  let target = byteBuffer(Math.min(CHUNK_BYTES, 2 * bytes))
  let used = 0
  for (let at = 0; at < bytes; ) {
    if (at + HEADER_BYTES > bytes) return 'a record reaches beyond its block'
    const texts = textBytes(memory.view, at)
    const end = at + alignUp(HEADER_BYTES + texts, RECORD_ALIGNMENT)
    if (end > bytes) return 'a record reaches beyond its block'
    const length = alignUp(RECORD_HEADER_BYTES + texts, RECORD_ALIGNMENT)
    if (used > 0 && used + length > target.bytes.length) {
      yield { memory: target, bytes: used }
      used = 0
      target = byteBuffer(Math.max(length, CHUNK_BYTES))
    } else if (length > target.bytes.length) target = byteBuffer(length)
    memory.bytes.copy(target.bytes, used, at, at + HEADER_BYTES)
    setSeq(target, used, Number.MAX_SAFE_INTEGER)
    memory.bytes.copy(target.bytes, used + RECORD_HEADER_BYTES, at + HEADER_BYTES, at + HEADER_BYTES + texts)
    used += length
    at = end
  }
  if (used > 0) yield { memory: target, bytes: used }
  return undefined
}

function textBytes(view: DataView, at: number): number {
  const metadata = view.getUint32(at + 8, true)
  return view.getUint16(at + 12, true) + (metadata === NO_METADATA ? 0 : metadata)
}
