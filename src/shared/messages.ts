/**
 * What processes that share a directory say to each other. All numbers are little-endian. Both
 * sides run the same version of this: the first message says which, and others are refused.
 *
 *     offset   bytes   content
 *     0        4       u32, bytes of the body
 *     4        4       u32, the kind
 *     8                the body, then zeros to a multiple of 8
 */
import type { BatchMember, JsonValue } from '../entry.ts'
import { WalError, type WalErrorCode } from '../errors.ts'
import { alignUp, type ByteBuffer, byteBuffer, getUint64, setUint64 } from '../format/byte-buffer.ts'
import { decodeMember } from '../format/decode.ts'
import type { Encodable } from '../format/encode.ts'
import type { FrameType } from '../format/frame.ts'
import { MAX_RECORD_BYTES } from '../limits.ts'

/** Of the messages, and of what their order means. */
export const PROTOCOL_VERSION = 1

export const KINDS = {
  /** A member's first message: who it is. JSON. */
  hello: 1,
  /** The answer: who leads, and how far the log is known to reach. JSON. */
  welcome: 2,
  /** The other answer: why the member may not take part. JSON. */
  unwelcome: 3,
  /** A change of a member. */
  submit: 4,
  /** Everything before this sequence number may be read. */
  readable: 5,
  /** A change that was not logged, and why. */
  refused: 6,
  /** The leader gives the lead up; somebody else is to take it. */
  farewell: 7,
  /** A member asks for a checkpoint. */
  checkpoint: 8,
  /** The answer: that there is one, or why not. */
  checkpointed: 9,
} as const

export type Kind = (typeof KINDS)[keyof typeof KINDS]

const HEADER_BYTES = 8
const SUBMIT_PREFIX_BYTES = 16
const ENTRY_PREFIX_BYTES = 8
/** More than a record has only a transaction; beyond this somebody else is speaking. */
const MAX_MESSAGE_BYTES = 2 ** 31 - 1
/** Of entries of a transaction as they are sent: more are not one message. */
export const MAX_TRANSACTION_BYTES: number = 16 * MAX_RECORD_BYTES

/** One message as it came. */
export interface Message {
  readonly kind: Kind
  readonly memory: ByteBuffer
  readonly bytes: number
}

function framed(kind: Kind, bytes: number): ByteBuffer {
  const memory = byteBuffer(HEADER_BYTES + alignUp(bytes, 8))
  memory.view.setUint32(0, bytes, true)
  memory.view.setUint32(4, kind, true)
  return memory
}

export function jsonMessage(kind: Kind, value: JsonValue): Uint8Array {
  const text = JSON.stringify(value)
  const memory = framed(kind, Buffer.byteLength(text))
  memory.bytes.write(text, HEADER_BYTES)
  return memory.bytes
}

export const jsonOf = ({ memory, bytes }: Message): JsonValue =>
  JSON.parse(memory.bytes.toString('utf8', 0, bytes))

export function readableMessage(before: number): Uint8Array {
  const memory = framed(KINDS.readable, 8)
  setUint64(memory.view, HEADER_BYTES, before)
  return memory.bytes
}

export const readableBefore = ({ memory }: Message): number => getUint64(memory.view, 0)

/** A change as it is sent: what stands alone, or the entries of a transaction. */
export interface Submission {
  readonly number: number
  readonly isTransaction: boolean
  readonly payloads: readonly Encodable[]
  readonly entries: readonly BatchMember[]
}

export function submitMessage({ number, isTransaction, payloads }: Omit<Submission, 'entries'>): Uint8Array {
  let bytes = SUBMIT_PREFIX_BYTES
  for (const payload of payloads) bytes += ENTRY_PREFIX_BYTES + alignUp(payload.bytes, 8)
  const memory = framed(KINDS.submit, bytes)
  const { view } = memory
  setUint64(view, HEADER_BYTES, number)
  view.setUint32(HEADER_BYTES + 8, payloads.length, true)
  view.setUint32(HEADER_BYTES + 12, isTransaction ? 1 : 0, true)
  let at = HEADER_BYTES + SUBMIT_PREFIX_BYTES
  for (const payload of payloads) {
    view.setUint32(at, payload.type, true)
    view.setUint32(at + 4, payload.bytes, true)
    payload.write(memory, at + ENTRY_PREFIX_BYTES)
    at += ENTRY_PREFIX_BYTES + alignUp(payload.bytes, 8)
  }
  return memory.bytes
}

/**
 * What was sent. Vectors are views of the message.
 * @throws WALV_INVALID_ENTRY where it makes no sense
 */
export function submissionOf({ memory, bytes }: Message): Submission {
  const { view } = memory
  if (bytes < SUBMIT_PREFIX_BYTES) throw undecodable('it is too short')
  const count = view.getUint32(8, true)
  const payloads: Encodable[] = []
  const entries: BatchMember[] = []
  let at = SUBMIT_PREFIX_BYTES
  for (let index = 0; index < count; index++) {
    if (at + ENTRY_PREFIX_BYTES > bytes) throw undecodable('an entry reaches beyond it')
    const type = view.getUint32(at, true) as FrameType
    const length = view.getUint32(at + 4, true)
    const start = at + ENTRY_PREFIX_BYTES
    at = start + alignUp(length, 8)
    if (at > bytes) throw undecodable('an entry reaches beyond it')
    const decoding = decodeMember(memory, start, length, type)
    if ('problem' in decoding) throw undecodable(decoding.problem)
    entries.push(decoding.entry)
    payloads.push(copied(memory, start, length, type))
  }
  return { number: getUint64(view, 0), isTransaction: view.getUint32(12, true) === 1, payloads, entries }
}

/** The same of a message that this process made and may send. */
export function submissionIn(message: Uint8Array): Submission {
  const bytes = message.length - HEADER_BYTES
  const memory = byteBuffer(bytes)
  memory.bytes.set(message.subarray(HEADER_BYTES))
  return submissionOf({ kind: KINDS.submit, memory, bytes })
}

/** What is encoded already. */
const copied = (memory: ByteBuffer, start: number, bytes: number, type: FrameType): Encodable => ({
  type,
  bytes,
  write: (target, at) => void memory.bytes.copy(target.bytes, at, start, start + bytes),
})

const undecodable = (why: string): WalError =>
  new WalError('WALV_INVALID_ENTRY', `A change came that makes no sense: ${why}. Nothing was logged.`, {
    fate: 'not-logged',
  })

/** An error as it is told to another process. */
export const plainError = ({ code, message, id, fate }: WalError): JsonValue => ({
  code,
  message,
  ...(id !== undefined && { id }),
  ...(fate && { fate }),
})

export function errorOf(plain: JsonValue): WalError {
  const { code, message, id, fate } = plain as {
    readonly code: WalErrorCode
    readonly message: string
    readonly id?: string
    readonly fate?: 'not-logged' | 'unknown'
  }
  return new WalError(code, message, { ...(id !== undefined && { id }), ...(fate && { fate }) })
}

/** Cuts what comes into messages. */
export class MessageReader {
  readonly #header = byteBuffer(HEADER_BYTES)
  #filled = 0
  #body: ByteBuffer | undefined

  /**
   * Calls `take` with each message that `bytes` end.
   * @throws WALV_INVALID_ENTRY for what is no message
   */
  read(bytes: Uint8Array, take: (message: Message) => void): void {
    let at = 0
    while (at < bytes.length) {
      at += this.#fill(bytes, at)
      if (this.#body === undefined && this.#filled === HEADER_BYTES) this.#begin()
      if (this.#body === undefined || this.#filled < this.#body.bytes.length) continue
      const message = {
        kind: this.#header.view.getUint32(4, true) as Kind,
        memory: this.#body,
        bytes: this.#header.view.getUint32(0, true),
      }
      this.#body = undefined
      this.#filled = 0
      take(message)
    }
  }

  #fill(bytes: Uint8Array, at: number): number {
    const target = (this.#body ?? this.#header).bytes
    const taken = Math.min(bytes.length - at, target.length - this.#filled)
    target.set(bytes.subarray(at, at + taken), this.#filled)
    this.#filled += taken
    return taken
  }

  #begin(): void {
    const bytes = this.#header.view.getUint32(0, true)
    const kind = this.#header.view.getUint32(4, true)
    if (bytes > MAX_MESSAGE_BYTES || kind < KINDS.hello || kind > KINDS.checkpointed)
      throw undecodable(`a message of kind ${kind} with ${bytes} bytes`)
    this.#body = byteBuffer(bytes)
    this.#filled = 0
  }
}
