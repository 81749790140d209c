import type { Disk, DiskFile } from '../../disk/disk.ts'
import type { Damage } from '../../entry.ts'
import { gapThrough } from '../../format/decode.ts'
import { FLAG_CLOSED, FRAME_TYPES, type FrameHeader, takesSequence } from '../../format/frame.ts'
import { readableId } from '../../format/readable-id.ts'
import { SEGMENT_HEADER_BYTES } from '../../format/segment.ts'
import { MAX_SEQUENCE } from '../../limits.ts'
import { FrameReader, type FramesToRead, type Step } from './frame-reader.ts'

/**
 * A place in a segment where a frame should stand and none verifies, or where records are missing.
 */
export interface Anomaly {
  readonly kind: Damage['kind']
  readonly file: string
  readonly segment: number
  readonly offset: number
  readonly bytes: number
  /** First sequence number that should have been here. */
  readonly lostFrom: number
  /**
   * Last one that was; smaller than `lostFrom` if none is lost; null if nothing follows that tells.
   */
  readonly lostThrough: number | null
  readonly ids: readonly string[]
  readonly reason: string
}

/**
 * Sees what a walk passes. The window's memory is valid until the call returns, or, with
 * `beforeReading`, until that lets the walk read on.
 */
export interface FrameVisitor {
  /** A verified record in its order. Returning true makes the walk pause behind it. */
  record(window: FrameReader, at: number, header: FrameHeader, bytes: number): boolean
  /**
   * More of the file is about to take the place of what was shown. Returning true makes the walk
   * pause before.
   */
  beforeReading?(): boolean
  /** Any verified frame, records included, before `record`. */
  frame?(header: FrameHeader): void
}

/** Which file to walk, and which sequence numbers in it belong to the log. */
export interface SegmentExtent extends FramesToRead {
  readonly number: number
  readonly name: string
  readonly path: string
  readonly firstSeq: number
  /** The records from this one on are held by a later segment; Infinity for the last. */
  readonly supersededFrom: number
  /**
   * The walk ends before this record, but judges what it meets as if it went on: so every walk of a
   * segment finds the same.
   */
  readonly scanEnd: number
  /**
   * The next segment has no header, or is not the one that went on from this: a file may be
   * missing, and nothing tells where the records of this one end.
   */
  readonly openEnded: boolean
  /**
   * Places where a record was found, in order, some of them: whoever needs nothing before one may
   * begin there.
   */
  readonly marks?: readonly Mark[]
}

/** Where in a segment's file a record stands. */
export interface Mark {
  readonly seq: number
  readonly offset: number
}

/**
 * Goes through the frames of one segment in order, up to the record before `supersededFrom`, past
 * whatever does not verify. `run` goes on until the end or until the visitor asks for a pause.
 */
export class SegmentScan {
  readonly anomalies: Anomaly[] = []
  done = false
  /** The sequence number that should come next. */
  expected: number
  /** File offset where the last good frame ends. */
  usedBytes: number
  readonly #segment: SegmentExtent
  readonly #visitor: FrameVisitor
  readonly #file: DiskFile
  readonly #window: FrameReader
  #closed = false

  private constructor(file: DiskFile, segment: SegmentExtent, visitor: FrameVisitor, { seq, offset }: Mark) {
    this.#file = file
    this.#segment = segment
    this.#visitor = visitor
    this.expected = seq
    this.usedBytes = offset
    this.#window = new FrameReader(file, segment, offset)
  }

  /** `from`: nothing before this record is needed. */
  static async open(
    disk: Pick<Disk, 'open'>,
    segment: SegmentExtent,
    visitor: FrameVisitor,
    from: number = -1,
  ): Promise<SegmentScan> {
    const begin = { seq: segment.firstSeq, offset: SEGMENT_HEADER_BYTES }
    const start = segment.marks?.findLast(({ seq }) => seq <= from) ?? begin
    return new SegmentScan(await disk.open(segment.path, 'read'), segment, visitor, start)
  }

  /** Whether any sector could not be read, also one that nothing needs. */
  get metUnreadable(): boolean {
    return this.#window.metUnreadable
  }

  /** What it showed is no longer valid. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#window.release()
    // It was only read: what closing answers means nothing.
    await this.#file.close().catch(() => {})
  }

  async run(signal?: AbortSignal): Promise<void> {
    let paused = false
    while (!paused && !this.done) {
      const step = this.#window.step()
      if (step?.kind === 'frame' && step.header.seq === this.expected && this.#makesSense(step)) {
        paused = this.#take(step)
      } else if (step?.kind === 'end') {
        this.#finish()
      } else if (step !== undefined && this.expected >= this.#endSeq) {
        this.done = true
      } else if (this.#visitor.beforeReading?.()) {
        paused = true
      } else if (step === undefined) {
        signal?.throwIfAborted()
        await this.#window.fill()
      } else {
        await this.#passBad(step)
        paused = true
      }
    }
  }

  get #endSeq(): number {
    return Math.min(this.#segment.supersededFrom, this.#segment.scanEnd)
  }

  /** A gap reaches at least over its own number, and no further than numbers go. */
  #makesSense({ header, at }: Extract<Step, { kind: 'frame' }>): boolean {
    if (header.type !== FRAME_TYPES.gap) return true
    if (header.payloadBytes !== 8) return false
    const through = gapThrough(this.#window.memory, at)
    return through >= header.seq && through <= MAX_SEQUENCE
  }

  #take({ header, at, bytes }: Extract<Step, { kind: 'frame' }>): boolean {
    const isRecord = takesSequence(header.type)
    if (isRecord && header.seq >= this.#endSeq) {
      this.done = true
      return false
    }
    this.#visitor.frame?.(header)
    let pause = false
    if (isRecord) {
      pause = this.#visitor.record(this.#window, at, header, bytes) === true
      this.expected =
        header.type === FRAME_TYPES.gap ? gapThrough(this.#window.memory, at) + 1 : header.seq + 1
    }
    this.#window.advance(bytes)
    this.usedBytes = this.#window.offset
    return pause
  }

  /** Steps over what does not verify, to the next frame that could follow, and reports it. */
  async #passBad(found: Exclude<Step, { kind: 'end' }>): Promise<void> {
    const offset = this.#window.offset
    const step: typeof found =
      found.kind === 'frame' && !this.#makesSense(found) ? { ...found, kind: 'bad-payload' } : found
    if (step.kind === 'frame' && step.header.seq > this.expected) {
      this.#report(offset, 0, this.#within(step.header.seq) - 1, [], 'records are missing before this place')
      return
    }
    const ids = step.kind === 'bad-payload' ? readableId(this.#window.memory, step.at, step.header) : []
    let dirty = true
    if (step.kind === 'frame') this.#window.advance(step.bytes)
    else dirty = await this.#window.pass(step, this.#couldFollow)
    const landed = this.#window.offset
    const next = await this.#nextGood(ids)
    dirty ||= this.#window.offset !== landed
    if (next === undefined) {
      if (dirty) this.#report(offset, this.#window.offset - offset, null, ids, reasonOf(step))
      this.#finish()
      return
    }
    // A watermark begins a sector; zeros lead up to it.
    if (!dirty && next.seq === this.expected && !takesSequence(next.type)) return
    this.#report(offset, this.#window.offset - offset, this.#within(next.seq) - 1, ids, reasonOf(step))
  }

  readonly #couldFollow = ({ seq }: FrameHeader): boolean =>
    seq >= this.expected && seq <= this.#segment.supersededFrom

  readonly #within = (seq: number): number => Math.min(seq, this.#segment.supersededFrom)

  /**
   * Moves to the next frame that verifies and could follow, and returns its header. `ids` takes
   * those that can be read on the way.
   */
  async #nextGood(ids: string[]): Promise<FrameHeader | undefined> {
    for (;;) {
      const step = this.#window.step()
      if (step?.kind === 'bad-payload' && ids.length < MAX_IDS)
        ids.push(...readableId(this.#window.memory, step.at, step.header))
      if (step === undefined) await this.#window.fill()
      else if (step.kind === 'end') return undefined
      else if (step.kind !== 'frame') await this.#window.pass(step, this.#couldFollow)
      else if (this.#couldFollow(step.header) && this.#makesSense(step)) return step.header
      else this.#window.advance(step.bytes)
    }
  }

  /** What a later segment continues from must have been here. */
  #finish(): void {
    this.done = true
    const { bytes, openEnded } = this.#segment
    const end = this.#endSeq
    if (!Number.isFinite(end) || this.expected >= end) return
    const last = this.anomalies.at(-1)
    if (last?.lostThrough === null)
      this.anomalies[this.anomalies.length - 1] = { ...last, lostThrough: end - 1 }
    else if (openEnded) return
    else this.#report(this.usedBytes, Math.max(0, bytes - this.usedBytes), end - 1, [], MISSING_AT_END)
    this.expected = end
  }

  #report(
    offset: number,
    bytes: number,
    lostThrough: number | null,
    ids: readonly string[],
    reason: string,
  ): void {
    const { name: file, number: segment } = this.#segment
    const unreadable = this.#window.isUnreadable(offset, offset + bytes)
    this.anomalies.push({
      kind: unreadable ? 'unreadable' : 'corrupt',
      file,
      segment,
      offset,
      bytes,
      lostFrom: this.expected,
      lostThrough,
      ids,
      reason: unreadable ? 'the disk cannot read what stands here' : reason,
    })
    if (lostThrough !== null) this.expected = Math.max(this.expected, lostThrough + 1)
  }
}

/**
 * Goes through all of a segment, or what is needed from a record on. The scan that it returns is
 * closed, and knows what was found.
 */
export async function scanWhole(
  disk: Disk,
  segment: SegmentExtent,
  visitor: FrameVisitor,
  signal?: AbortSignal,
  from?: number,
): Promise<SegmentScan> {
  const scan = await SegmentScan.open(disk, segment, visitor, from)
  try {
    while (!scan.done) await scan.run(signal)
    return scan
  } finally {
    await scan.close()
  }
}

/** Of one bad place, no more ids are named. */
const MAX_IDS = 1000

const MISSING_AT_END = 'records are missing at the end of this segment'

/** Whether a frame says that the log was closed in order. */
export const closes = (header: FrameHeader): boolean =>
  header.type === FRAME_TYPES.watermark && (header.flags & FLAG_CLOSED) !== 0

function reasonOf(step: Exclude<Step, { kind: 'end' }>): string {
  if (step.kind === 'no-frame') return 'no valid frame stands here'
  if (step.kind === 'bad-payload') return 'the content does not match its checksum'
  return `a record stands here whose number, ${step.header.seq}, was there already`
}

/** The number of the first frame of a segment that verifies; undefined if none does. */
export async function firstNumber(disk: Disk, segment: SegmentExtent): Promise<number | undefined> {
  const file = await disk.open(segment.path, 'read')
  const window = new FrameReader(file, segment, SEGMENT_HEADER_BYTES)
  try {
    for (;;) {
      const step = window.step()
      if (step === undefined) await window.fill()
      else if (step.kind === 'frame') return step.header.seq
      else if (step.kind === 'end') return undefined
      else await window.pass(step, () => true)
    }
  } finally {
    window.release()
    await file.close().catch(() => {})
  }
}
