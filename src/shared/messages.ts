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
import type { Encodable } from '../format/encode.ts'
import type { FrameType } from '../format/frame.ts'
import {
  readSubmission,
  type Submission,
  submissionBytes,
  undecodable,
  writeSubmission,
} from '../submission/submission.ts'

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
/** More than a record has only a transaction; beyond this somebody else is speaking. */
const MAX_MESSAGE_BYTES = 2 ** 31 - 1
/** One message as it came: where its body is. */
export interface Message extends Part {
  readonly kind: Kind
  readonly bytes: number
}

/** Memory from here on. */
interface Part {
  readonly memory: ByteBuffer
  readonly at: number
}

/** Messages share so much memory, one behind the other: asking costs more than filling it. */
const SLAB_BYTES = 128 * 1024

class Slabs {
  #memory = byteBuffer(0)
  #used = 0

  /** `bytes`: a multiple of 8. */
  take(bytes: number): Part {
    if (this.#used + bytes > this.#memory.bytes.length) {
      this.#memory = byteBuffer(Math.max(bytes, SLAB_BYTES))
      this.#used = 0
    }
    const at = this.#used
    this.#used += bytes
    return { memory: this.#memory, at }
  }
}

const submitted = new Slabs()

/** The header of a message; its body stands behind it. */
function framed(kind: Kind, bytes: number, { memory, at }: Part): void {
  memory.view.setUint32(at, bytes, true)
  memory.view.setUint32(at + 4, kind, true)
}

function alone(kind: Kind, bytes: number): ByteBuffer {
  const memory = byteBuffer(HEADER_BYTES + alignUp(bytes, 8))
  framed(kind, bytes, { memory, at: 0 })
  return memory
}

export function jsonMessage(kind: Kind, value: JsonValue): Uint8Array {
  const text = JSON.stringify(value)
  const memory = alone(kind, Buffer.byteLength(text))
  memory.bytes.write(text, HEADER_BYTES)
  return memory.bytes
}

export const jsonOf = ({ memory, at, bytes }: Message): JsonValue =>
  JSON.parse(memory.bytes.toString('utf8', at, at + bytes))

export function readableMessage(before: number): Uint8Array {
  const memory = alone(KINDS.readable, 8)
  setUint64(memory.view, HEADER_BYTES, before)
  return memory.bytes
}

export const readableBefore = ({ memory, at }: Message): number => getUint64(memory.view, at)

/** A change as it came. */
export interface Received extends Submission {
  readonly entries: readonly BatchMember[]
}

export function submitMessage(submission: Submission): Uint8Array {
  const bytes = submissionBytes(submission.payloads)
  const length = HEADER_BYTES + alignUp(bytes, 8)
  const part = submitted.take(length)
  framed(KINDS.submit, bytes, part)
  writeSubmission(part.memory, part.at + HEADER_BYTES, submission)
  return part.memory.bytes.subarray(part.at, part.at + length)
}

/**
 * What was sent. Vectors are views of the message.
 * @throws WALV_INVALID_ENTRY where it makes no sense
 */
export function submissionOf({ memory, at, bytes }: Message): Received {
  const payloads: Encodable[] = []
  const { number, isTransaction, entries } = readSubmission(memory, at, at + bytes, (start, length, type) =>
    payloads.push(copied(memory, start, length, type)),
  )
  return { number, isTransaction, payloads, entries }
}

/** The same of a message that this process made and may send. */
export function submissionIn(message: Uint8Array): Received {
  const bytes = message.length - HEADER_BYTES
  const memory = byteBuffer(bytes)
  memory.bytes.set(message.subarray(HEADER_BYTES))
  return submissionOf({ kind: KINDS.submit, memory, at: 0, bytes })
}

/** What is encoded already. */
const copied = (memory: ByteBuffer, start: number, bytes: number, type: FrameType): Encodable => ({
  type,
  bytes,
  write: (target, at) => void memory.bytes.copy(target.bytes, at, start, start + bytes),
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
  readonly #slabs = new Slabs()
  #filled = 0
  #body: Message | undefined

  /**
   * Calls `take` with each message that `bytes` end.
   * @throws WALV_INVALID_ENTRY for what is no message
   */
  read(bytes: Uint8Array, take: (message: Message) => void): void {
    let at = 0
    while (at < bytes.length) {
      at += this.#fill(bytes, at)
      if (this.#body === undefined && this.#filled === HEADER_BYTES) this.#begin()
      const body = this.#body
      if (body === undefined || this.#filled < alignUp(body.bytes, 8)) continue
      this.#body = undefined
      this.#filled = 0
      take(body)
    }
  }

  #fill(bytes: Uint8Array, at: number): number {
    const body = this.#body
    const target = body ? body.memory.bytes : this.#header.bytes
    const begin = body?.at ?? 0
    const length = body ? alignUp(body.bytes, 8) : HEADER_BYTES
    const taken = Math.min(bytes.length - at, length - this.#filled)
    target.set(bytes.subarray(at, at + taken), begin + this.#filled)
    this.#filled += taken
    return taken
  }

  #begin(): void {
    const bytes = this.#header.view.getUint32(0, true)
    const kind = this.#header.view.getUint32(4, true) as Kind
    if (bytes > MAX_MESSAGE_BYTES || kind < KINDS.hello || kind > KINDS.checkpointed)
      throw undecodable(`a message of kind ${kind} with ${bytes} bytes`)
    this.#body = { kind, ...this.#slabs.take(alignUp(bytes, 8)), bytes }
    this.#filled = 0
  }
}
