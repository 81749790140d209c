import type { Disk } from '../../disk/disk.ts'
import { ioError, isMissing } from '../../disk/io-error.ts'
import type { WalError } from '../../errors.ts'
import type { ByteBuffer } from '../../format/byte-buffer.ts'
import { decodeRecord } from '../../format/decode.ts'
import { FRAME_TYPES, type FrameHeader, frameBytes, takesSequence } from '../../format/frame.ts'
import type { SegmentHeader } from '../../format/segment.ts'
import type { FoundCheckpoint } from '../checkpoint/found-checkpoint.ts'
import type { WalSettings } from '../options.ts'
import type { ProvedLog } from '../recover/proved-part.ts'
import type { Recovered } from '../recover/recover.ts'
import { Signal } from '../write/signal.ts'
import { FollowedSegments, setBack } from './followed-segments.ts'
import type { Extent, LiveSource } from './live-source.ts'
import { type Found, type LookFor, LookOut } from './look-out.ts'
import { Prover } from './prover.ts'
import { TailScan } from './tail-scan.ts'

/** Of so many records that are not visible yet the time is remembered. */
const MAX_TIMES = 256

/** When a record was appended. */
interface Moment {
  readonly seq: number
  readonly timestamp: number
}

/**
 * Keeps up with a log that others write, by reading its files alone: nobody is asked, and nobody is
 * held up. A record becomes visible when a watermark covers it: then it is durable, and no recovery
 * drops it, whatever becomes of the writer. Watermarks never go back, nor does what is visible.
 *
 * | a number before | is |
 * |---|---|
 * | `writtenBefore` | in the files, as far as the headers of frames go; it may go back |
 * | `before` | covered by a watermark, or vouched for by the writer, and visible |
 */
export class Follower implements LiveSource {
  readonly directory: string
  /** Only where the writer vouches for what is read: elsewhere a segment may be begun anew. */
  readonly copy: LiveSource['copy']
  readonly moved: Signal = new Signal()
  readonly #disk: Disk
  readonly #clock: () => number
  readonly #syncsAll: boolean
  readonly #segments: FollowedSegments
  readonly #lookOut: LookOut
  /** Of a log that this process may be the next to write. */
  readonly #prover: Prover | undefined
  #tail: TailScan | undefined
  #before: number
  /** What watermarks cover, and what the writer has said is acknowledged. */
  #covered: number
  #revealed = 0
  /** The next look is over once everything is found that the writer has vouched for. */
  #isBrief = false
  #checkpoints: readonly FoundCheckpoint[]
  /** Of records that are not visible, oldest first. */
  #times: Moment[] = []
  #broken: WalError | undefined
  #trouble: WalError | undefined
  #troubles = 0
  /** What was visible when it was last told. */
  #told: number

  constructor(settings: WalSettings, { analysis, checkpoints }: Recovered) {
    const { disk, directory, clock, shares = false, durability } = settings
    this.#disk = disk
    this.directory = directory
    this.copy = shares ? (path, target, position) => this.#copy(path, target, position) : undefined
    this.#syncsAll = durability === 'commit'
    this.#clock = clock
    this.#segments = new FollowedSegments(disk, directory, analysis)
    this.#before = Math.max(analysis.durableBefore, analysis.firstSeq)
    this.#told = this.#before
    this.#covered = this.#before
    this.#checkpoints = checkpoints
    this.#prover = shares ? new Prover(disk, directory, analysis.proved) : undefined
    const last = this.#segments.all.at(-1)
    if (last) this.#tail = new TailScan(disk, last, last.marks?.at(-1))
    this.#lookOut = new LookOut(disk, directory, shares, (lookFor) => this.#lookSafely(lookFor))
  }

  /** Resolves after the first look: from then on it keeps up. */
  async start(): Promise<void> {
    await this.#lookOut.lookNow()
    this.#lookOut.start()
  }

  get extent(): Extent {
    const tail = this.#tail
    const extents = this.#segments.all.map((extent) => {
      if (extent.number !== tail?.segment.number) return extent
      const isRead = extent.supersededFrom === Number.POSITIVE_INFINITY && tail.expected >= this.#before
      return { ...extent, marks: tail.marks, bytes: isRead ? tail.offset : extent.bytes }
    })
    return { extents, before: this.#before }
  }

  get logId(): string | undefined {
    return this.#segments.logId?.toString('hex')
  }

  get firstSeq(): number {
    return this.#segments.firstSeq
  }

  /** What of the log was read and verified here. */
  get proved(): ProvedLog | undefined {
    return this.#prover?.proved
  }

  get before(): number {
    return this.#before
  }

  /**
   * Also those whose record is not visible yet: a writer logs one when all that its snapshot holds
   * is on stable storage, and may let go of what led there before a watermark covers it.
   */
  get checkpoints(): readonly FoundCheckpoint[] {
    return this.#checkpoints.filter(({ entry }) => entry.snapshot !== null)
  }

  get broken(): WalError | undefined {
    return this.#broken
  }

  /** What the last look met, and how many in a row met something. */
  get trouble(): { readonly count: number; readonly last: WalError | undefined } {
    return { count: this.#troubles, last: this.#trouble }
  }

  /** Records that are in the files and not visible yet. */
  get recordsBehind(): number {
    return Math.max(0, (this.#tail?.expected ?? 0) - this.#before)
  }

  /** How long ago the oldest of them was appended, by the clocks of both; 0 if there is none. */
  get lagMs(): number {
    const [oldest] = this.#times
    return oldest === undefined ? 0 : Math.max(0, this.#clock() - oldest.timestamp)
  }

  /**
   * The writer vouches for everything before this: it is visible as soon as it is found. A
   * successor keeps it, as it keeps whatever verifies.
   */
  reveal(before: number): void {
    if (before <= this.#revealed) return
    this.#revealed = before
    this.#isBrief = true
    void this.#lookOut.lookNow()
  }

  /** At the level `'commit'` what is acknowledged is synced, before a watermark says so. */
  async syncedBefore(): Promise<number> {
    return this.#syncsAll ? this.#before : this.#covered
  }

  refresh(): Promise<void> {
    this.#isBrief = false
    this.#tail?.forget()
    return this.#lookOut.lookNow()
  }

  async close(): Promise<void> {
    await this.#lookOut.close()
    await this.#prover?.close()
    await this.#tail?.close()
    this.moved.tell()
  }

  #copy(path: string, target: Uint8Array, position: number): number {
    const tail = this.#tail
    return tail?.segment.path === path ? tail.copy(target, position) : 0
  }

  /** What goes wrong may go right at the next look, unless it tells that the log is another. */
  async #lookSafely(lookFor: LookFor): Promise<Found> {
    if (this.#broken) return 'nothing'
    let mayBeMore = false
    const before = this.#before
    const written = this.#tail?.expected
    const isBrief = this.#isBrief
    this.#isBrief = false
    try {
      mayBeMore = await this.#look(isBrief, lookFor)
      this.#trouble = undefined
      this.#troubles = 0
    } catch (error) {
      const trouble = ioError(error, `The log in ${this.directory} cannot be followed`, this.directory)
      this.#trouble = trouble as WalError
      this.#troubles++
      if (isFinal(this.#trouble)) this.#broken = this.#trouble
    }
    if (this.#broken) this.moved.tell()
    if (this.#before === before && this.#tail?.expected === written) return 'nothing'
    return mayBeMore ? 'more' : 'something'
  }

  /**
   * Where the segment goes on, nothing is lost by not looking for the next one: whoever writes goes
   * on in one of them. Answers whether it left that out.
   */
  async #look(isBrief: boolean, lookFor: LookFor): Promise<boolean> {
    for (;;) {
      const isFurther = await this.#scanTail(isBrief)
      this.#tell()
      if (isBrief && this.#before >= this.#revealed) return false
      if (isFurther && lookFor === 'what-changed') return true
      if (isFurther) continue
      let isNew = false
      await this.#segments.list((header) => {
        isNew = true
        this.#begun(header)
      })
      this.#tell()
      // What was written to the old segment before the new one was begun.
      if (isNew) await this.#scanTail()
      if (!(await this.#nextSegment())) return false
    }
  }

  #tell(): void {
    this.#before = Math.max(this.#before, Math.min(this.#revealed, this.#tail?.expected ?? 0))
    if (this.#before === this.#told) return
    this.#told = this.#before
    this.moved.tell()
  }

  /** `isBrief`: what the writer has vouched for, and nothing that is being written meanwhile. */
  async #scanTail(isBrief = false): Promise<boolean> {
    const tail = this.#tail
    if (tail === undefined) return false
    const segmentEnd = this.#segments.endOf(tail.segment.number)
    if (segmentEnd === undefined) return false
    const end = isBrief ? Math.min(segmentEnd, this.#revealed) : segmentEnd
    try {
      const began = tail.offset
      const isNew = await tail.advance(end, this.#see, isBrief)
      this.#prover?.found(tail.offset - began, { segment: tail.segment.number, before: tail.expected })
      this.#forgetTimes()
      return isNew
    } catch (error) {
      if (isMissing(error as NodeJS.ErrnoException)) return false
      throw error
    }
  }

  async #nextSegment(): Promise<boolean> {
    const next = this.#tail ? this.#segments.after(this.#tail.segment.number) : this.#segments.all[0]
    if (next === undefined) return false
    await this.#tail?.close()
    this.#tail = new TailScan(this.#disk, next)
    this.#prover?.begun()
    return true
  }

  /** A segment was begun: what others hold from its first record on does not count any more. */
  #begun({ firstSeq, durableBefore, number }: SegmentHeader): void {
    if (durableBefore < this.#covered)
      throw setBack(
        this.directory,
        `segment ${number} goes on from record ${durableBefore}, and records up to ${this.#covered - 1} were durable`,
      )
    this.#checkpoints = this.#checkpoints.filter(({ seq }) => seq < firstSeq)
    this.#times = this.#times.filter(({ seq }) => seq < firstSeq)
    this.#cover(durableBefore)
  }

  readonly #see = (header: FrameHeader, memory: ByteBuffer, at: number): void => {
    const { type, seq, timestamp, durableBefore } = header
    this.#cover(durableBefore)
    if (type === FRAME_TYPES.checkpoint) this.#addCheckpoint(header, memory, at)
    if (takesSequence(type) && seq >= this.#before && this.#times.length < MAX_TIMES)
      this.#times.push({ seq, timestamp })
  }

  #cover(durableBefore: number): void {
    this.#covered = Math.max(this.#covered, durableBefore)
    this.#before = Math.max(this.#before, durableBefore)
  }

  #forgetTimes(): void {
    const first = this.#times.findIndex(({ seq }) => seq >= this.#before)
    this.#times = first < 0 ? [] : this.#times.slice(first)
  }

  #addCheckpoint(header: FrameHeader, memory: ByteBuffer, at: number): void {
    const { seq, timestamp, payloadBytes } = header
    const { codec } = this.#tail!.segment
    if (at + frameBytes(payloadBytes) > memory.bytes.length) return
    if (!codec.verifyPayload(memory, at, payloadBytes)) return
    const decoding = decodeRecord(memory, at, header)
    if ('problem' in decoding || decoding.record.entry.type !== 'checkpoint') return
    const { entry } = decoding.record
    const { firstSeq } = this.#segments
    this.#checkpoints = [
      ...this.#checkpoints.filter((each) => each.seq < seq && each.entry.replayFrom >= firstSeq),
      { seq, timestamp, entry },
    ]
  }
}

/** Whether no later look can go better. */
const isFinal = ({ code }: WalError): boolean =>
  ['WALV_FOREIGN_LOG', 'WALV_DAMAGED', 'WALV_NO_DIRECTORY', 'WALV_NOT_A_DIRECTORY'].includes(code) ||
  code.startsWith('WALV_UNSUPPORTED')
