import { clearInterval, epochMs, monotonicMs, setImmediate, setInterval } from '../clock.ts'
import { WalError } from '../errors.ts'
import { Fifo } from '../fifo.ts'
import { alignUp } from '../format/byte-buffer.ts'
import type { OwnChanges } from '../submission/own-changes.ts'
import { encodeFrame, FRAME_HEADER_BYTES, type FrameHeader, type FrameKind, KINDS } from './frame.ts'
import type { EngineLink } from './link.ts'
import type { Order } from './order.ts'
import { isNotStored, notSent, unavailable } from './trouble.ts'
import type { VoidReason } from './writers.ts'

/** The longest frame, where the engine takes it. */
const MAX_FRAME_BYTES = 1024 * 1024
/** So many frames are on their way at a time. */
const WINDOW = 4
/** While one is on its way, less than this waits for more to go with it. */
const WORTH_A_FRAME_BYTES = 32 * 1024
const MAX_RESEND_MS = 30_000

/** What is to be sent: a change, or something that is said to all. */
export interface Outgoing {
  readonly number: number
  readonly kind: FrameKind
  readonly body: Uint8Array
}

/** A frame on its way: sent, perhaps stored, and not come back. */
interface InFlight {
  readonly header: FrameHeader
  items: readonly Outgoing[]
  bytes: Uint8Array
  /** Calls of which it is not known that they never store it. */
  mayBeStored: number
}

/**
 * The frames of one writer: few on their way at a time, in the order of their numbers, and sent
 * again until they come back. What has been sent under a number is never changed, unless the
 * engine promises that it is not stored: only then are its changes refused, and the number is used
 * for nothing.
 */
export class Outbox {
  readonly maxBodyBytes: number
  readonly #link: EngineLink
  readonly #own: OwnChanges
  readonly #order: () => Order
  readonly #proposedLogId: string
  readonly #queue = new Fifo<Outgoing>()
  #queuedBytes = 0
  readonly #flight: InFlight[] = []
  /** The number that the next frame begins with; undefined before the first of this writer. */
  #next: number | undefined
  /** A frame of this writer was accepted. */
  #isKnown = false
  #isPumping = false
  #isStopped = false
  #timer: NodeJS.Timeout | undefined
  #sentAtMs = 0
  /** Something has failed, or come too late: all is sent again, soon. */
  #isDue = false
  #resends = 0
  /** Frames that were sent again. */
  resent = 0
  /** The engine had no room for a frame. Who makes room sets it back. */
  wasFull = false

  constructor(link: EngineLink, own: OwnChanges, order: () => Order, proposedLogId: string) {
    this.#link = link
    this.#own = own
    this.#order = order
    this.#proposedLogId = proposedLogId
    this.maxBodyBytes = Math.min(MAX_FRAME_BYTES, link.engine.maxFrameBytes) - FRAME_HEADER_BYTES
  }

  push(item: Outgoing): void {
    this.#queue.push(item)
    this.#queuedBytes += alignUp(item.body.length, 8)
    this.#timer ??= setInterval(() => this.#tick(), this.#link.timing.retryMs)
    if (this.#isPumping) return
    this.#isPumping = true
    // What is handed over in the same turn goes together.
    setImmediate(() => this.#pump())
  }

  isSent(number: number): boolean {
    return this.#next !== undefined && number < this.#next
  }

  /** A frame of this writer was accepted. */
  taken({ next }: FrameHeader): void {
    this.#resends = 0
    this.#isKnown = true
    this.passed(next)
  }

  /** Everything of this writer before this number is decided. */
  passed(next: number): void {
    while (this.#flight.length > 0 && this.#flight[0]!.header.next <= next) this.#flight.shift()
    this.#pump()
  }

  /** A frame of this writer has come back without effect. */
  voided(reason: VoidReason | 'other-log', { isFirst }: FrameHeader): void {
    if (reason === 'gap') this.#isDue = true
    else if (reason === 'other-log' || (reason === 'retired' && isFirst)) this.renew()
  }

  /** Where this writer is retired, or forgotten, it goes on under another name. */
  checkAccepted(): void {
    const writer = this.#order().writers.get(this.#own.process)
    if (writer?.isRetired || (writer === undefined && this.#isKnown)) this.renew()
  }

  /**
   * Nothing that this writer has sent, and that has not come back, is accepted any more: it goes
   * on under another name. What its caller was told to ask about never takes effect.
   */
  renew(): void {
    const items = this.#flight.splice(0).flatMap((frame) => frame.items)
    this.#own.renew()
    this.#next = undefined
    this.#isKnown = false
    const behind: Outgoing[] = []
    for (let first = this.#queue.first; first; first = this.#queue.first) {
      behind.push(first)
      this.#queue.shift()
    }
    this.#queuedBytes = 0
    for (const item of [...items, ...behind]) if (this.#own.isWaiting(item.number)) this.push(item)
  }

  /** The engine answers again. */
  soon(): void {
    this.#isDue = true
    this.#resends = 0
  }

  stop(): void {
    this.#isStopped = true
    clearInterval(this.#timer)
  }

  #pump(): void {
    this.#isPumping = false
    while (!this.#isStopped && this.#mayFill()) {
      const items = this.#nextItems()
      if (items.length > 0) this.#begin(items)
    }
  }

  #mayFill(): boolean {
    const { length } = this.#flight
    if (this.#queue.size === 0 || length >= WINDOW) return false
    return length === 0 || this.#queuedBytes >= WORTH_A_FRAME_BYTES
  }

  /** As many as a frame holds, all changes or one thing that is said; not what was given up. */
  #nextItems(): Outgoing[] {
    const items: Outgoing[] = []
    let bytes = 0
    for (let item = this.#queue.first; item; item = this.#queue.first) {
      const isGivenUp = !this.#own.isWaiting(item.number)
      const length = alignUp(item.body.length, 8)
      const isAlone = item.kind === KINDS.control || items[0]?.kind === KINDS.control
      if (!isGivenUp && items.length > 0 && (isAlone || bytes + length > this.maxBodyBytes)) break
      this.#queue.shift()
      this.#queuedBytes -= length
      if (isGivenUp) continue
      items.push(item)
      bytes += length
    }
    return items
  }

  #begin(items: readonly Outgoing[]): void {
    const order = this.#order()
    const isFirst = this.#next === undefined
    const next = items.at(-1)!.number + 1
    const header: FrameHeader = {
      kind: items[0]!.kind,
      logId: order.logId ?? this.#proposedLogId,
      writer: this.#own.process,
      isFirst,
      number: this.#next ?? items[0]!.number,
      next,
      time: epochMs(),
      basis: order.place,
    }
    this.#next = next
    const bytes = encodeFrame(
      header,
      items.map(({ body }) => body),
    )
    const frame: InFlight = { header, items, bytes, mayBeStored: 0 }
    this.#flight.push(frame)
    this.#send(frame)
  }

  #send(frame: InFlight): void {
    this.#sentAtMs = monotonicMs()
    frame.mayBeStored++
    this.#link.engine.append(frame.bytes).then(
      () => this.#link.heard(),
      (error) => this.#failed(frame, error),
    )
  }

  #failed(frame: InFlight, error: unknown): void {
    this.#isDue = true
    if (!isNotStored(error)) {
      this.#link.failed(error)
      return
    }
    frame.mayBeStored--
    const isFull = error.code === 'WALV_DISK_FULL' || error.code === 'WALV_PERMISSION'
    if (isFull && frame.mayBeStored === 0 && this.#flight.includes(frame)) this.#refuse(frame, error)
  }

  /** Its changes are refused; its numbers are used up by a frame that holds none. */
  #refuse(frame: InFlight, error: WalError): void {
    this.wasFull ||= error.code === 'WALV_DISK_FULL'
    const { items } = frame
    frame.items = []
    frame.bytes = encodeFrame({ ...frame.header, kind: KINDS.changes }, [])
    const { code, message } = error
    for (const { number } of items)
      this.#own.refused(
        number,
        new WalError(code, `${message} Nothing was logged.`, { fate: 'not-logged', cause: error }),
      )
  }

  /** While somebody waits, the process stays alive. */
  hold(isHeld: boolean): void {
    if (isHeld) this.#timer?.ref()
    else this.#timer?.unref()
  }

  /** Whoever has waited too long is told; what was sent may still be taken. */
  #expire(): void {
    const { name, timing, lastError } = this.#link
    for (const { number, handedOverAtMs } of [...this.#own.waiting]) {
      const waitedMs = monotonicMs() - handedOverAtMs
      if (waitedMs < timing.timeoutMs) return
      const ticket = { writer: this.#own.process, number }
      this.#own.refused(
        number,
        this.isSent(number)
          ? unavailable(name, waitedMs, ticket, lastError)
          : notSent(name, waitedMs, lastError),
      )
    }
  }

  #tick(): void {
    this.#expire()
    if (this.#flight.length === 0) return
    const waitedMs = monotonicMs() - this.#sentAtMs
    const { retryMs, resendMs } = this.#link.timing
    const isOverdue = waitedMs >= Math.min(MAX_RESEND_MS, resendMs * 2 ** this.#resends)
    if (!isOverdue && !(this.#isDue && waitedMs >= retryMs)) return
    this.#isDue = false
    this.#resends++
    this.resent += this.#flight.length
    for (const frame of this.#flight) this.#send(frame)
  }
}
