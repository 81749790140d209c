import type { ByteBuffer } from './byte-buffer.ts'
import { DATA_PREFIX_BYTES } from './encode.ts'
import { envelopeBytes } from './envelope.ts'
import { FRAME_HEADER_BYTES, FRAME_TYPES, type FrameHeader } from './frame.ts'

/** The id in a payload that does not verify, if it looks like one. */
export function readableId({ bytes, view }: ByteBuffer, at: number, header: FrameHeader): string[] {
  if (header.type > FRAME_TYPES.delete) return []
  const start = at + FRAME_HEADER_BYTES + envelopeBytes(header.flags)
  const end = at + FRAME_HEADER_BYTES + header.payloadBytes
  if (start + DATA_PREFIX_BYTES > end) return []
  const idBytes = view.getUint16(start + 4, true)
  const idAt = start + DATA_PREFIX_BYTES + view.getUint16(start + 6, true) * 4
  if (idBytes === 0 || idAt + idBytes + view.getUint32(start, true) !== end) return []
  try {
    const id = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(idAt, idAt + idBytes))
    return /\p{Cc}/u.test(id) ? [] : [id]
  } catch {
    return []
  }
}
