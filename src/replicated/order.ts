import type { JsonValue } from '../entry.ts'
import type { CommittedUnit } from '../log/log.ts'
import { type ReadSubmission, readSubmission } from '../submission/submission.ts'
import { controlIn, decodeFrame, FRAME_HEADER_BYTES, type Frame, KINDS, type NoFrame } from './frame.ts'
import { type VoidReason, Writers } from './writers.ts'

/** How far a reader has come, and all that it needs to go on from there as any other would. */
export interface Position {
  /** The log, once a frame was accepted. */
  readonly logId: string | null
  /** The last record; −1 before the first. */
  readonly seq: number
  /** The last message of the engine that was taken whole. */
  readonly place: number
  /** The time of the last record, in milliseconds since the epoch. */
  readonly time: number
  readonly writers: JsonValue
}

/** A frame, and the changes in it. */
export interface ReadFrame extends Frame {
  readonly submissions: readonly ReadSubmission[]
}

/** A message as a frame; one that holds what cannot be understood is nobody's. */
export function readFrame(message: Uint8Array): ReadFrame | NoFrame {
  const frame = decodeFrame(message)
  if ('problem' in frame) return frame
  const submissions: ReadSubmission[] = []
  if (frame.kind === KINDS.control) return { ...frame, submissions }
  try {
    for (let at = FRAME_HEADER_BYTES; at < frame.bytes; at = submissions.at(-1)!.end)
      submissions.push(readSubmission(frame.memory, at, frame.bytes))
  } catch {
    return { problem: 'foreign' }
  }
  return isInOrder(frame, submissions) ? { ...frame, submissions } : { problem: 'foreign' }
}

/** Whether the numbers of its changes ascend, within those that the frame has. */
function isInOrder({ number: first, next }: Frame, submissions: readonly ReadSubmission[]): boolean {
  let least = first
  for (const { number } of submissions) {
    if (number < least || number >= next) return false
    least = number + 1
  }
  return true
}

/**
 * The one rule of what a log's messages mean. All of it depends on the messages alone, so that
 * every reader numbers the same records in the same way, wherever it began. What stands in between
 * two of its changes is a position, too: the frame is then read again, and goes on where it was.
 */
export class Order {
  #logId: string | undefined
  #seq: number
  #place: number
  #time: number
  readonly writers: Writers

  constructor(from?: Position) {
    this.#logId = from?.logId ?? undefined
    this.#seq = from?.seq ?? -1
    this.#place = from?.place ?? 0
    this.#time = from?.time ?? 0
    this.writers = new Writers(from?.writers)
  }

  get logId(): string | undefined {
    return this.#logId
  }

  get seq(): number {
    return this.#seq
  }

  get place(): number {
    return this.#place
  }

  get time(): number {
    return this.#time
  }

  /** Why a frame at this place has no effect; undefined if it has one, and is to be taken. */
  refusal(frame: Frame, place: number): VoidReason | 'other-log' | undefined {
    if (this.#logId !== undefined && frame.logId !== this.#logId) return 'other-log'
    const reason = this.writers.refusal(frame, place)
    if (reason === undefined) this.#logId = frame.logId
    return reason
  }

  /** Numbers the changes of a frame that is accepted, each before it is told. */
  *take(frame: ReadFrame, place: number): Generator<CommittedUnit, void, void> {
    this.#time = Math.max(this.#time, frame.time)
    const { next } = this.writers.get(frame.writer)!
    for (const { number, isTransaction, entries } of frame.submissions) {
      if (number < next) continue
      this.writers.advance(frame.writer, number + 1)
      const seq = ++this.#seq
      yield {
        seq,
        timestamp: this.#time,
        entries,
        ...(isTransaction && { transactionId: seq }),
        origin: { process: frame.writer, number },
      }
    }
    this.writers.advance(frame.writer, frame.next)
    const control = frame.kind === KINDS.control ? controlIn(frame) : undefined
    if (control?.say === 'retire') this.writers.retire(control.writer, place)
  }

  /** A message was taken whole, whatever it was. */
  pass(place: number): void {
    this.#place = place
  }

  /** As it is now: nothing of it changes later. */
  get position(): Position {
    return {
      logId: this.#logId ?? null,
      seq: this.#seq,
      place: this.#place,
      time: this.#time,
      writers: JSON.parse(JSON.stringify(this.writers)),
    }
  }
}
