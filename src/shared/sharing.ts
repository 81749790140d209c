import { clearTimeout, delay, monotonicMs, setTimeout } from '../clock.ts'
import { roleChannel } from '../diagnostics.ts'
import type { BatchMember, CheckpointEntry } from '../entry.ts'
import { WalError } from '../errors.ts'
import type { Encodable } from '../format/encode.ts'
import type { CursorReading } from '../log/cursor/cursor-reading.ts'
import type { CheckpointRequest, CommittedUnit, SharedUnit, TailOptions } from '../log/log.ts'
import { LOOKS_BESIDE_WRITER } from '../log/recover/beside-writer.ts'
import type { Wal } from '../log/wal.ts'
import { backpressure, closedError, isClosed } from '../log/write/append-error.ts'
import { OwnChanges, type Placed } from '../submission/own-changes.ts'
import { Leading } from './leading.ts'
import { submitMessage } from './messages.ts'
import { openFollower, openSuccessor, pause } from './open.ts'
import { isTrimmed, Pump } from './pump.ts'
import type { ShareSettings } from './share-options.ts'
import { SlowLeaderWatch } from './slow-leader.ts'
import { WayToLeader } from './way-to-leader.ts'

/** How long the others leave the lead to one that prefers it. */
const YIELDED_MS = 250

/** What takes the units that this process is told of. */
export interface UnitTaker {
  apply(unit: SharedUnit): void
  /** Loads the newest snapshot, and resolves to the number that it reaches through. */
  overtaken(): Promise<number>
}

/**
 * The life of a process that shares a directory: a member, which follows who leads, or the leader,
 * which writes. A member becomes the leader when the one before has ended, and goes on with what it
 * has; a leader becomes a member where another prefers to lead.
 *
 * What holds at every moment:
 * - What was applied here is the beginning of the log, and stays it, whoever leads next: a member
 *   applies what a leader has acknowledged, and a successor keeps that.
 * - The own changes that nobody has answered are handed over in the order of their numbers, over
 *   one way. They are handed over again only when everything that an earlier leader wrote was read:
 *   what is not there then never will be.
 * - Whoever writes has the lock, which the operating system gives up with its process.
 */
export class Sharing {
  readonly #settings: ShareSettings
  readonly #own = new OwnChanges(() => this.#holdWay())
  readonly #slowLeader: SlowLeaderWatch
  /** Checkpoints that another process was asked for. */
  #asked = 0
  #wal: Wal
  #isWriter: boolean
  #leading: Leading | undefined
  #pump: Pump | undefined
  #way: WayToLeader | undefined
  #following: Promise<void> | undefined
  #yielding: Promise<void> | undefined
  #taker: UnitTaker = { apply: () => {}, overtaken: nobodyLoads }
  /** Everything before it was applied. */
  #next = 0
  /**
   * The last record that was there when this process began to write, and the last that took effect:
   * a transaction that was cut short stands behind it.
   */
  #found = { through: -1, effective: -1 }
  #broken: WalError | undefined
  #closing: Promise<void> | undefined
  /** Closing has come so far that nobody waits for an answer any more. */
  #isEnding = false
  /** Takes a checkpoint of the index that this process has. */
  takeCheckpoint: () => Promise<unknown> = async () => {}

  constructor(settings: ShareSettings, wal: Wal, isWriter: boolean) {
    this.#settings = settings
    this.#wal = wal
    this.#isWriter = isWriter
    this.#slowLeader = new SlowLeaderWatch(wal.directory, this.#own)
  }

  /** The log as this process has it open now. */
  get wal(): Wal {
    return this.#wal
  }

  get isWriter(): boolean {
    return this.#isWriter
  }

  get leads(): boolean {
    return this.#leading !== undefined
  }

  get directory(): string {
    return this.#wal.directory
  }

  /** Resolves when everything behind `after` that is there was applied. Called once. */
  async start(after: number, taker: UnitTaker): Promise<void> {
    this.needOpen()
    this.#taker = taker
    this.#next = after + 1
    this.#slowLeader.start(() => this.#way)
    if (this.#isWriter) await this.#lead(this.#wal)
    else await new Promise<void>((joined, reject) => this.#beMember(joined, reject))
  }

  /** Throws at once what can be; resolves to its place when it was applied here. */
  hand(
    payloads: readonly Encodable[],
    entries: readonly BatchMember[],
    isTransaction: boolean,
  ): Promise<Placed> {
    this.needOpen()
    return this.#own.add(monotonicMs(), (number) => {
      if (this.#leading) {
        const refused = (error: WalError): void => this.#own.refused(number, error)
        const origin = this.#own.originOf(number)
        this.#leading.leader.hand({ origin, isTransaction, payloads, entries, refused })
        return undefined
      }
      const { maxPendingBytes } = this.#settings
      if (this.#own.bytes > maxPendingBytes) throw backpressure(this.#own.bytes, maxPendingBytes)
      const message = submitMessage({ number, isTransaction, payloads })
      this.#way?.send(message)
      return message
    })
  }

  drained(): Promise<void> {
    return this.#leading ? this.#wal.drained() : this.#own.drained()
  }

  /** Resolves when everything that was handed over is durable. */
  async flush(): Promise<void> {
    this.needOpen()
    if (this.#leading) await this.#wal.flush()
    else await this.#answered()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** What takes effect, from the log that is open, and then from the one that takes its place. */
  async *tail(
    { from, ...options }: Omit<TailOptions, 'cursor'>,
    resumed?: CursorReading,
  ): AsyncGenerator<CommittedUnit, void, void> {
    for (let next = from ?? this.#next; !this.#closing && !options.signal?.aborted; await pause()) {
      if (this.#broken) throw this.#broken
      try {
        const place = resumed ? options : { ...options, from: next }
        for await (const unit of this.#wal.tailWith(place, { resumed })) {
          yield unit
          next = unit.seq + 1
        }
      } catch (error) {
        // Between two roles the one log is closed and the other not open yet.
        if (!isClosed(error)) throw error
      }
    }
  }

  /** Where another process leads, that one takes it, of its own index. */
  async checkpoint(request: CheckpointRequest): Promise<CheckpointEntry> {
    for (let hasAsked = false; ; hasAsked = true) {
      this.needOpen()
      const { lastCheckpoint: known } = this.#wal
      // Who led before this process may have taken one that reaches further, and ended.
      if (hasAsked && this.#leading && known && known.sequenceNumber >= request.seq) return known
      if (this.#leading) return this.#wal.checkpoint({ ...request, seq: this.#reachOf(request.seq) })
      await this.#askForCheckpoint()
      const { lastCheckpoint } = this.#wal
      if (lastCheckpoint && lastCheckpoint.sequenceNumber >= request.seq) return lastCheckpoint
      await pause()
    }
  }

  /** What has everything that took effect has what stands behind it and did not, too. */
  #reachOf(seq: number): number {
    const { through, effective } = this.#found
    return seq < effective ? seq : Math.max(seq, through)
  }

  async #askForCheckpoint(): Promise<void> {
    this.#asked++
    this.#holdWay()
    const error = await this.#way?.checkpoint()
    this.#asked--
    this.#holdWay()
    if (error) throw error
  }

  /** While somebody waits for the leader, the process stays alive. */
  #holdWay(): void {
    this.#way?.hold(this.#asked > 0 || this.#own.oldest !== undefined)
  }

  /** @throws WALV_CLOSED, or why nothing more is taken */
  needOpen(): void {
    if (this.#closing) throw closedError(this.directory)
    if (this.#broken) throw this.#broken
  }

  #beMember(joined: () => void, failed: (error: unknown) => void): void {
    this.#following = this.#liveAsMember(joined).catch((error) => {
      failed(error)
      this.#break(error)
    })
  }

  async #close(): Promise<void> {
    const giveUp = setTimeout(() => this.#own.fail(() => this.#notAnswered()), this.#settings.closeWaitMs)
    await this.#answered()
    clearTimeout(giveUp)
    this.#isEnding = true
    this.#slowLeader.stop()
    await this.#yielding
    this.#way?.close()
    await this.#pump?.end()
    await this.#following
    await this.#leading?.stop(false)
    await this.#wal.close()
  }

  #notAnswered(): WalError {
    return new WalError(
      'WALV_CLOSED',
      `The log in ${this.directory} was closed before any process that leads it answered. Whether this change is in it is not known: look for it after reopening.`,
      { fate: 'unknown' },
    )
  }

  /** Resolves when it is known what became of everything that was handed over. */
  async #answered(): Promise<void> {
    while (this.#own.oldest !== undefined && this.#broken === undefined) await this.#own.drained()
  }

  #deliver(unit: CommittedUnit): void {
    const { origin } = unit
    const own = this.#own.isOwn(origin)
    this.#next = unit.seq + 1
    this.#taker.apply({ ...unit, own })
    if (own) this.#own.placed(origin!.number, unit)
  }

  /**
   * Retention has let go of what comes next: goes on from the newest snapshot, and resolves to
   * where to go on. What was handed over and not found by now may be in what was passed over.
   */
  async #jump(wal: Wal): Promise<number> {
    this.#wal = wal
    let failure: unknown
    for (let looks = LOOKS_BESIDE_WRITER; looks > 0; looks--) {
      if (!this.#isWriter) await wal.refresh()
      try {
        this.#next = (await this.#taker.overtaken()) + 1
        this.#own.passOver()
        // On a new way the leader says how far to read before they are given up.
        if (this.#own.oldest !== undefined) this.#way?.close()
        return this.#next
      } catch (error) {
        // A snapshot may be let go of while it is read, for a newer one.
        failure = error
      }
    }
    throw failure
  }

  async #catchUp(wal: Wal): Promise<void> {
    for (;;) {
      try {
        for await (const unit of wal.replayBehind(this.#next - 1)) this.#deliver(unit)
        return
      } catch (error) {
        if (!isTrimmed(error)) throw error
        await this.#jump(wal)
      }
    }
  }

  /** From here on this process writes. */
  async #lead(wal: Wal): Promise<void> {
    this.#isWriter = true
    this.#wal = wal
    await this.#catchUp(wal)
    this.#found = { through: wal.lastSeq, effective: this.#next - 1 }
    this.#own.failPassedOver()
    const leading = new Leading(wal, this.#own, this.#settings, {
      apply: (unit) => this.#deliver(unit),
      lost: (error) => this.#break(error),
      yield: () => this.#startYielding(),
      checkpoint: () => this.takeCheckpoint(),
    })
    // Its own changes first: they wait for nobody.
    while (!leading.takeOver()) await wal.drained()
    this.#leading = leading
    await leading.listen()
    this.#tellRole('leader', process.pid)
  }

  #tellRole(role: 'leader' | 'member', leaderPid: number): void {
    const { directory } = this
    if (roleChannel.hasSubscribers) roleChannel.publish({ directory, role, leaderPid })
  }

  /** Follows whoever leads, until this process does. */
  async #liveAsMember(joined: () => void): Promise<void> {
    this.#pump = new Pump(this.#wal, this.#next, {
      apply: (unit) => this.#deliver(unit),
      overtaken: (wal) => this.#jump(wal),
      failed: (error) => this.#break(error as WalError),
    })
    const pump = this.#pump
    for (let waits = 0; !this.#isEnding && !this.#broken; waits++) {
      const way = await this.#join(pump)
      if (way) {
        joined()
        this.#tellRole('member', way.welcome.pid)
        const { isYielding } = await way.ended
        this.#way = undefined
        waits = 0
        if (isYielding && this.#settings.role !== 'prefer') await delay(YIELDED_MS)
      }
      if (await this.#takeOver(pump)) {
        joined()
        return
      }
      await pause(waits)
    }
  }

  async #join(pump: Pump): Promise<WayToLeader | undefined> {
    const { exchange, hello } = this.#settings
    const way = await WayToLeader.find(exchange, this.directory, hello(this.#own.process), {
      readable: (before) => pump.reveal(before),
      refused: (number, error) => this.#own.refused(number, error),
    })
    if (way === undefined) return undefined
    await pump.through(way.welcome.before)
    this.#own.failPassedOver()
    // What was handed over and is not there by now never will be.
    for (const { message } of this.#own.waiting) way.send(message!)
    if (this.#isEnding) way.close()
    else this.#way = way
    this.#holdWay()
    return way
  }

  async #takeOver(pump: Pump): Promise<boolean> {
    if (this.#settings.role === 'follow' || this.#isEnding || this.#broken) return false
    const wal = await openSuccessor(this.#settings, this.#wal)
    if (wal === undefined) return false
    if (this.#isEnding) {
      await wal.close()
      return true
    }
    await pump.end()
    this.#pump = undefined
    await this.#lead(wal)
    return true
  }

  #startYielding(): void {
    const { role } = this.#settings
    if (role === 'prefer' || this.#leading === undefined || this.#closing) return
    this.#yielding = this.#yield(this.#leading)
      .catch((error) => this.#break(error))
      .finally(() => {
        this.#yielding = undefined
      })
  }

  /** Gives the lead to one that prefers it, and follows. */
  async #yield(leading: Leading): Promise<void> {
    this.#leading = undefined
    this.#isWriter = false
    await leading.stop(true)
    await leading.leader.wal.close()
    await delay(YIELDED_MS)
    this.#wal = await openFollower(this.#settings)
    this.#beMember(
      () => {},
      () => {},
    )
  }

  #break(error: WalError): void {
    if (this.#closing || this.#broken) return
    this.#broken = error
    this.#way?.close()
    void this.#leading?.stop(false)
    // Others may go on where this process cannot.
    void this.#wal.close().catch(() => {})
    this.#own.breakOff(error)
  }
}

function nobodyLoads(): Promise<never> {
  return Promise.reject(new Error('nothing loads snapshots'))
}
