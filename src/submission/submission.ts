/**
 * A change as its process hands it over to a log that others write, too: what stands alone, or the
 * entries of a transaction. All numbers are little-endian. It begins at a multiple of 8.
 *
 *     offset   bytes   content
 *     0        8       u64, its number among those of its process
 *     8        4       u32, how many entries
 *     12       4       u32, 1 for a transaction, else 0
 *     16               of each entry: u32 its type, u32 its bytes, its payload, zeros to 8
 */
import type { BatchMember } from '../entry.ts'
import { WalError } from '../errors.ts'
import { alignUp, type ByteBuffer, getUint64, setUint64 } from '../format/byte-buffer.ts'
import { decodeMember } from '../format/decode.ts'
import type { Encodable } from '../format/encode.ts'
import type { FrameType } from '../format/frame.ts'

const PREFIX_BYTES = 16
const ENTRY_PREFIX_BYTES = 8

export interface Submission {
  readonly number: number
  readonly isTransaction: boolean
  readonly payloads: readonly Encodable[]
}

export function submissionBytes(payloads: readonly Encodable[]): number {
  let bytes = PREFIX_BYTES
  for (const payload of payloads) bytes += ENTRY_PREFIX_BYTES + alignUp(payload.bytes, 8)
  return bytes
}

export function writeSubmission(memory: ByteBuffer, start: number, submission: Submission): void {
  const { number, isTransaction, payloads } = submission
  const { view } = memory
  setUint64(view, start, number)
  view.setUint32(start + 8, payloads.length, true)
  view.setUint32(start + 12, isTransaction ? 1 : 0, true)
  let at = start + PREFIX_BYTES
  for (const payload of payloads) {
    view.setUint32(at, payload.type, true)
    view.setUint32(at + 4, payload.bytes, true)
    payload.write(memory, at + ENTRY_PREFIX_BYTES)
    at += ENTRY_PREFIX_BYTES + alignUp(payload.bytes, 8)
  }
}

/** What was handed over, and where it ends. */
export interface ReadSubmission {
  readonly number: number
  readonly isTransaction: boolean
  readonly entries: readonly BatchMember[]
  readonly end: number
}

/**
 * Vectors and data are views of the memory. `each` is told where the payloads are.
 * @throws WALV_INVALID_ENTRY where it makes no sense, or reaches beyond `end`
 */
export function readSubmission(
  memory: ByteBuffer,
  start: number,
  end: number,
  each?: (start: number, bytes: number, type: FrameType) => void,
): ReadSubmission {
  const { view } = memory
  if (start + PREFIX_BYTES > end) throw undecodable('it is too short')
  const number = getUint64(view, start)
  const count = view.getUint32(start + 8, true)
  const entries: BatchMember[] = []
  let at = start + PREFIX_BYTES
  for (let index = 0; index < count; index++) {
    if (at + ENTRY_PREFIX_BYTES > end) throw undecodable('an entry reaches beyond it')
    const type = view.getUint32(at, true) as FrameType
    const length = view.getUint32(at + 4, true)
    const payload = at + ENTRY_PREFIX_BYTES
    at = payload + alignUp(length, 8)
    if (at > end) throw undecodable('an entry reaches beyond it')
    const decoding = decodeMember(memory, payload, length, type)
    if ('problem' in decoding) throw undecodable(decoding.problem)
    entries.push(decoding.entry)
    each?.(payload, length, type)
  }
  return { number, isTransaction: view.getUint32(start + 12, true) === 1, entries, end: at }
}

export const undecodable = (why: string): WalError =>
  new WalError('WALV_INVALID_ENTRY', `A change came that makes no sense: ${why}. Nothing was logged.`, {
    fate: 'not-logged',
  })
