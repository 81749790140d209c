import type { Origin } from '../entry.ts'
import { type ByteBuffer, getUint64, setUint64 } from './byte-buffer.ts'
import type { Encodable } from './encode.ts'
import { FLAG_HAS_ORIGIN, FLAG_IN_TRANSACTION } from './frame.ts'

/** The id of a transaction, in front of the payload of a record that belongs to it. */
const TRANSACTION_BYTES = 8
/** Who handed the record over: 16 bytes of who, 8 of the how-manieth. */
const ORIGIN_BYTES = 24
const PROCESS_BYTES = 16

/** Whether a record belongs to a transaction, and whether it says who handed it over. */
export const flagsOf = (transactionId: number | undefined, origin?: Origin): number =>
  (transactionId === undefined ? 0 : FLAG_IN_TRANSACTION) | (origin === undefined ? 0 : FLAG_HAS_ORIGIN)

/** Bytes in front of what the type of a record says of its payload. */
export const envelopeBytes = (flags: number): number =>
  ((flags & FLAG_IN_TRANSACTION) === 0 ? 0 : TRANSACTION_BYTES) +
  ((flags & FLAG_HAS_ORIGIN) === 0 ? 0 : ORIGIN_BYTES)

/** The same payload with its transaction and its origin in front of it, where it has them. */
export function enveloped(inner: Encodable, transactionId: number | undefined, origin?: Origin): Encodable {
  const envelopeFlags = flagsOf(transactionId, origin)
  if (envelopeFlags === 0) return inner
  const front = envelopeBytes(envelopeFlags)
  return {
    type: inner.type,
    bytes: front + inner.bytes,
    envelopeFlags,
    write(target, at) {
      if (transactionId !== undefined) setUint64(target.view, at, transactionId)
      if (origin !== undefined) writeOrigin(target, at + front - ORIGIN_BYTES, origin)
      inner.write(target, at + front)
    },
  }
}

function writeOrigin({ bytes, view }: ByteBuffer, at: number, { process, number }: Origin): void {
  bytes.write(process, at, PROCESS_BYTES, 'hex')
  setUint64(view, at + PROCESS_BYTES, number)
}

/** The transaction that a payload at `at` begins with; NaN for a number beyond 2^53. */
export const transactionAt = ({ view }: ByteBuffer, at: number): number => getUint64(view, at)

/** The origin in the envelope of a payload at `at`; its number is NaN beyond 2^53. */
export function originAt({ bytes, view }: ByteBuffer, at: number, flags: number): Origin {
  const end = at + envelopeBytes(flags)
  const start = end - ORIGIN_BYTES
  return {
    process: bytes.toString('hex', start, start + PROCESS_BYTES),
    number: getUint64(view, start + PROCESS_BYTES),
  }
}
