import { randomBytes } from 'node:crypto'
import { clearTimeout, epochMs, monotonicMs, nextTurn, setTimeout } from '../clock.ts'
import { WalError } from '../errors.ts'
import { alignUp, byteBuffer } from '../format/byte-buffer.ts'
import type { Encodable } from '../format/encode.ts'
import type { CommittedUnit, Settled, SharedUnit, Ticket } from '../log/log.ts'
import { backpressure, closedError } from '../log/write/append-error.ts'
import { OwnChanges, type Placed } from '../submission/own-changes.ts'
import { submissionBytes, writeSubmission } from '../submission/submission.ts'
import { type Control, controlBody, controlIn, KINDS } from './frame.ts'
import type { EngineLink } from './link.ts'
import { Order, type Position, type ReadFrame } from './order.ts'
import { Outbox } from './outbox.ts'
import { type PlacedFrame, Reading } from './reading.ts'
import { diverged, otherLog, passedOver } from './trouble.ts'
import { VoidCounts } from './void-counts.ts'

/** What else waits has its turn after so long, however much there is to apply. */
const TURN_MS = 4
const MAX_NOTED = 64

/** What takes the units that this node is told of. */
export interface UnitTaker {
  /** False where it had no effect. */
  apply(unit: SharedUnit): unknown
  /** Loads the newest snapshot, and resolves to the number that it reaches through. */
  overtaken(): Promise<number>
  /** What everything that was applied comes to; undefined where nobody can tell. */
  fingerprint?(): string
}

export interface ReplicaOptions {
  readonly link: EngineLink
  readonly incarnation: string
  readonly from: Position | undefined
  readonly readOnly: boolean
  readonly maxPendingBytes: number
  /** Retention has overtaken this node: finds a newer snapshot, for `overtaken` to load. */
  newerSnapshot(seq: number): Promise<Position>
  /** There is a checkpoint that this node has not taken. */
  checkpointed(writer: string): void
}

/**
 * The life of a node: it reads what the engine has put in order, takes it in by the one rule, and
 * sends its own changes until they come back.
 *
 * What holds at every moment:
 * - What was applied here is what every other node has applied that has come as far.
 * - A change is acknowledged when it has come back and was applied, and not before.
 * - Under one name of a writer and one number there is at most one change, and it is sent until
 *   it comes back, or nothing of that name is accepted any more.
 */
export class Replica {
  readonly own: OwnChanges
  readonly outbox: Outbox
  readonly voids: VoidCounts = new VoidCounts()
  readonly #options: ReplicaOptions
  readonly #link: EngineLink
  readonly #ended = new AbortController()
  #order: Order
  /** Which numbers of which writer were decided before this node could see it. */
  #unseen: Order
  #taker: UnitTaker = { apply: () => {}, overtaken: () => Promise.reject(new Error('nothing loads')) }
  #following: Promise<void> | undefined
  #expecting: { readonly place: number; readonly reached: () => void }[] = []
  /** Fingerprints at the places where checkpoints stand. */
  readonly #noted = new Map<number, string>()
  #closing = false
  #broken: WalError | undefined
  /** How far the clock of the writer heard of last is ahead of this node's, in milliseconds. */
  clockAheadMs = 0

  constructor(options: ReplicaOptions) {
    this.#options = options
    this.#link = options.link
    this.#order = new Order(options.from)
    this.#unseen = new Order(options.from)
    this.own = new OwnChanges(() => this.outbox.hold(this.own.oldest !== undefined))
    this.outbox = new Outbox(options.link, this.own, () => this.#order, randomBytes(16).toString('hex'))
    options.link.onHeardAgain(() => this.outbox.soon())
  }

  get order(): Order {
    return this.#order
  }

  /** As it is now, also in between two changes of a frame. */
  get position(): Position {
    return this.#order.position
  }

  get broken(): WalError | undefined {
    return this.#broken
  }

  /** Resolves when everything that is there was applied. Called once. */
  async start(taker: UnitTaker): Promise<void> {
    this.needOpen()
    this.#taker = taker
    const { last } = await this.#link.insist('how far the log reaches', () => this.#link.range())
    this.#following = this.#follow()
    await this.reached(last)
  }

  /** Resolves when this message was taken. @throws why nothing more is read */
  async reached(place: number): Promise<void> {
    if (this.#order.place < place && this.#broken === undefined && !this.#closing)
      await new Promise<void>((reached) => this.#expecting.push({ place, reached }))
    if (this.#broken) throw this.#broken
    if (this.#order.place < place) throw closedError(this.#link.name)
  }

  /** Throws at once what can be; resolves to its place when it was applied here. */
  hand(payloads: readonly Encodable[], isTransaction: boolean): Promise<Placed> {
    this.needOpen()
    this.#needWritable()
    const { maxPendingBytes } = this.#options
    if (this.own.bytes > maxPendingBytes) throw backpressure(this.own.bytes, maxPendingBytes)
    const bytes = submissionBytes(payloads)
    if (bytes > this.outbox.maxBodyBytes) throw tooLong(bytes, this.outbox.maxBodyBytes)
    const memory = byteBuffer(alignUp(bytes, 8))
    return this.#send(KINDS.changes, (number) => {
      writeSubmission(memory, 0, { number, isTransaction, payloads })
      return memory.bytes
    })
  }

  /** Says something to all nodes; resolves when it has come back. */
  async say(control: Control): Promise<void> {
    this.#needWritable()
    await this.#send(KINDS.control, () => controlBody(control))
  }

  #send(kind: 1 | 2, bodyOf: (number: number) => Uint8Array): Promise<Placed> {
    return this.own.add(monotonicMs(), (number) => {
      const body = bodyOf(number)
      this.outbox.push({ number, kind, body })
      return body
    })
  }

  /** Has it decided what becomes of a change, by retiring its writer where need be. */
  async settle(ticket: Ticket): Promise<Settled> {
    this.needOpen()
    if (this.#stateOf(ticket) === undefined) await this.say({ say: 'retire', writer: ticket.writer })
    return this.#stateOf(ticket) ?? 'unknown'
  }

  #stateOf({ writer: id, number }: Ticket): Settled | undefined {
    const writer = this.#order.writers.get(id)
    if (writer === undefined) return undefined
    if (number >= writer.next) return writer.isRetired ? 'never' : undefined
    if (this.voids.hasChange({ process: id, number })) return 'void'
    return number < (this.#unseen.writers.get(id)?.next ?? 0) ? 'unknown' : 'applied'
  }

  async #follow(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      try {
        await this.#takeAll()
        return
      } catch (error) {
        const isTrimmed = error instanceof WalError && error.code === 'WALV_SEQUENCE_TRIMMED'
        if (!isTrimmed) return this.#break(error as WalError)
      }
      try {
        await this.#jump()
      } catch (error) {
        return this.#break(error as WalError)
      }
    }
  }

  async #takeAll(): Promise<void> {
    const { incarnation } = this.#options
    const reading = new Reading(this.#link, incarnation, () => this.#order, this.#ended.signal)
    let began = monotonicMs()
    for await (const placed of reading.frames()) {
      this.#take(placed)
      if (this.#broken) return
      if (monotonicMs() - began < TURN_MS) continue
      await nextTurn()
      began = monotonicMs()
    }
  }

  #take({ place, frame }: PlacedFrame): void {
    if ('problem' in frame) this.voids.messages.foreign++
    else this.#takeFrame(frame, place)
    this.#order.pass(place)
    this.outbox.checkAccepted()
    if (this.#expecting.length > 0) this.#tell()
  }

  #takeFrame(frame: ReadFrame, place: number): void {
    const isOwn = frame.writer === this.own.process
    const reason = this.#order.refusal(frame, place)
    if (reason) {
      this.voids.messages[reason]++
      if (isOwn) this.outbox.voided(reason, frame)
      return
    }
    if (!isOwn) this.clockAheadMs = frame.time - epochMs()
    for (const unit of this.#order.take(frame, place)) this.#deliver(unit)
    if (frame.kind === KINDS.control) this.#hear(controlIn(frame), place, frame.writer)
    if (!isOwn) return
    if (frame.kind === KINDS.control) this.own.placed(frame.next - 1, { seq: this.#order.seq })
    this.outbox.taken(frame)
  }

  #deliver(unit: CommittedUnit): void {
    const origin = unit.origin!
    const isOwn = this.own.isOwn(origin)
    const own = isOwn && this.own.isWaiting(origin.number)
    if (this.#taker.apply({ ...unit, own }) === false) this.voids.addChange(origin)
    if (own) this.own.placed(origin.number, unit)
  }

  #hear(control: Control | undefined, place: number, writer: string): void {
    if (control?.say === 'checkpoint') this.#noteCheckpoint(place, writer)
    else if (control?.say === 'fingerprint') this.#compare(control.place, control.fingerprint)
  }

  #noteCheckpoint(place: number, writer: string): void {
    const own = this.#taker.fingerprint?.()
    if (own !== undefined) {
      this.#noted.set(place, own)
      if (this.#noted.size > MAX_NOTED) this.#noted.delete(this.#noted.keys().next().value!)
    }
    if (writer !== this.own.process) this.#options.checkpointed(writer)
    else if (own !== undefined) this.say({ say: 'fingerprint', place, fingerprint: own }).catch(() => {})
  }

  #compare(place: number, theirs: string): void {
    const own = this.#noted.get(place)
    if (own !== undefined && own !== theirs) this.#break(diverged(this.#link.name, place, own, theirs))
  }

  /** Retention has let go of what comes next: goes on from the newest snapshot. */
  async #jump(): Promise<void> {
    const position = await this.#options.newerSnapshot(this.#order.seq)
    await this.#taker.overtaken()
    const { logId } = this.#order
    if (logId !== undefined && position.logId !== logId)
      throw otherLog(this.#link.name, logId, String(position.logId))
    this.#order = new Order(position)
    this.#unseen = new Order(position)
    this.#passOver()
    this.#tell()
  }

  /** What may have been decided in the part that was not read, nobody can tell here. */
  #passOver(): void {
    const { process } = this.own
    const writer = this.#order.writers.get(process)
    for (const { number } of [...this.own.waiting])
      if (writer ? number < writer.next : this.outbox.isSent(number))
        this.own.refused(number, passedOver({ writer: process, number }))
    if (writer === undefined) this.outbox.renew()
    else this.outbox.passed(writer.next)
    this.outbox.checkAccepted()
  }

  #tell(): void {
    const isDone = ({ place }: { readonly place: number }): boolean =>
      this.#broken !== undefined || this.#closing || place <= this.#order.place
    const done = this.#expecting.filter(isDone)
    this.#expecting = this.#expecting.filter((each) => !isDone(each))
    for (const { reached } of done) reached()
  }

  #break(error: WalError): void {
    if (this.#closing || this.#broken) return
    this.#broken = error
    this.#ended.abort()
    this.outbox.stop()
    const { code, message, detail } = error
    for (const { number } of [...this.own.waiting]) {
      const ticket: Ticket = { writer: this.own.process, number }
      const text = `${message} Whether this change takes effect is not known.`
      this.own.refused(
        number,
        new WalError(code, text, { fate: 'unknown', detail: { ...Object(detail), ticket }, cause: error }),
      )
    }
    this.#tell()
  }

  /** @throws WALV_CLOSED, or why nothing more is taken */
  needOpen(): void {
    if (this.#closing) throw closedError(this.#link.name)
    if (this.#broken) throw this.#broken
  }

  /** @throws WALV_CLOSED */
  needOpenOrBroken(): void {
    if (this.#closing) throw closedError(this.#link.name)
  }

  #needWritable(): void {
    if (!this.#options.readOnly) return
    throw new WalError(
      'WALV_READ_ONLY',
      `The log in ${this.#link.name} was opened with readOnly. Change it on a node that writes. Nothing was logged.`,
      { fate: 'not-logged' },
    )
  }

  /**
   * From here on nothing is taken. Waits for `work`, and then so long for what was handed over
   * before.
   */
  async close(waitMs: number, work: Promise<void>): Promise<void> {
    this.#closing = true
    await work
    const giveUp = setTimeout(() => this.#giveUp(), waitMs)
    while (this.own.oldest !== undefined && this.#broken === undefined) await this.own.drained()
    await this.#leave()
    clearTimeout(giveUp)
    this.#ended.abort()
    this.outbox.stop()
    this.#tell()
    await this.#following
  }

  /** Says that nothing more will come of this writer, so that nobody need remember it for long. */
  async #leave(): Promise<void> {
    const writer = this.own.process
    const isKnown = this.#order.writers.get(writer) !== undefined
    if (isKnown && !this.#broken && this.#following) await this.say({ say: 'retire', writer }).catch(() => {})
  }

  #giveUp(): void {
    this.own.fail(
      () =>
        new WalError(
          'WALV_CLOSED',
          `The log in ${this.#link.name} was closed before the engine answered. Whether this change takes effect is not known: look for it after reopening.`,
          { fate: 'unknown' },
        ),
    )
  }
}

const tooLong = (bytes: number, most: number): WalError =>
  new WalError(
    'WALV_LIMIT',
    `A change, a batch or a transaction may have at most ${most} bytes in this replicated log, and this one has ${bytes}. Divide it, or let the engine take longer messages. Nothing was logged.`,
    { fate: 'not-logged' },
  )
