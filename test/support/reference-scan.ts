/** What stands in the segments, and what is bad: steps 5 to 8 of docs/format.md. */
import type { Segment } from './reference-chain.ts'
import {
  FRAME_BYTES,
  type Frame,
  frameAt,
  GAP,
  HEADER_BYTES,
  isRecord,
  isZero,
  lookAt,
  makesSense,
  PROMISE,
  seedOf,
} from './reference-format.ts'

export interface BadPlace {
  readonly file: string
  readonly offset: number
  /** Where it ends. */
  readonly to: number
  readonly lostFrom: number
  /** `null`: nobody knows. */
  lostThrough: number | null
  readonly missingFile: boolean
}

export interface Walked {
  readonly badPlaces: BadPlace[]
  readonly records: { seq: number; file: string; offset: number }[]
  readonly files: string[]
  promised: number
  expected: number
  closedAt: number
  /** What was promised up to the end of each file. */
  readonly watermarkAt: Map<string, number>
  /** With which number each file begins. */
  readonly startsAt: Map<string, number>
  /** Where the last file's last good frame ends. */
  used: number
}

/** Steps 5 to 8. */
export function walk(segments: readonly Segment[], logId: Buffer): Walked {
  const walked: Walked = {
    badPlaces: [],
    records: [],
    files: [],
    promised: 0,
    expected: firstExpected(segments[0], logId),
    closedAt: -1,
    watermarkAt: new Map(),
    startsAt: new Map(),
    used: HEADER_BYTES,
  }
  for (const segment of segments) {
    const { name, header, content } = segment
    if (!header && content.length >= HEADER_BYTES && holdsNothing(segment, walked.expected)) continue
    if (header) {
      walked.promised = Math.max(walked.promised, header.durableBefore)
      if (header.firstSeq > walked.expected) {
        const lost = { lostFrom: walked.expected, lostThrough: header.firstSeq - 1 }
        walked.badPlaces.push({ file: name, offset: 0, to: 0, missingFile: true, ...lost })
      }
      walked.expected = Math.max(walked.expected, header.firstSeq)
    }
    const from = header?.firstSeq ?? walked.expected
    walked.startsAt.set(name, from)
    new SegmentScan(segment, seedOf(logId, segment.number), from, walked).run()
    walked.files.push(name)
    walked.watermarkAt.set(name, walked.promised)
  }
  return walked
}

/**
 * One without a header whose records are held by a later one, or that was prepared and never used.
 * Not if the next goes on from it: then what it held is lost.
 */
function holdsNothing({ content, limit, openEnded }: Segment, expected: number): boolean {
  if (expected >= limit) return true
  return isZero(content.subarray(HEADER_BYTES)) && (openEnded || !Number.isFinite(limit))
}

function firstExpected(first: Segment | undefined, logId: Buffer): number {
  if (first === undefined) return 0
  if (first.header) return first.header.firstSeq
  const seed = seedOf(logId, first.number)
  for (let at = HEADER_BYTES; at < first.content.length; at += 8) {
    const frame = frameAt(first.content, at, seed)
    if (frame) return Math.min(frame.seq, first.limit)
  }
  return Number.isFinite(first.limit) ? first.limit : 0
}

/** Goes through one segment from frame to frame, and says in `walked` what it meets. */
class SegmentScan {
  readonly #segment: Segment
  readonly #seed: number
  readonly #walked: Walked
  #expected: number
  #offset = HEADER_BYTES
  /** Where the last good frame ends. */
  #used = HEADER_BYTES
  /** Bytes of frames whose content is bad. */
  #doubted = 0
  /** What stands at the end, if nobody knows how much is lost there. */
  #endsUnknown: BadPlace | undefined

  constructor(segment: Segment, seed: number, from: number, walked: Walked) {
    this.#segment = segment
    this.#seed = seed
    this.#expected = from
    this.#walked = walked
  }

  run(): void {
    this.#walked.closedAt = -1
    while (this.#segment.content.length - this.#offset >= FRAME_BYTES && this.#step());
    this.#end()
    this.#walked.expected = Math.max(this.#walked.expected, this.#expected)
    this.#walked.used = this.#used
  }

  #frameAt(at: number): Frame | undefined {
    return frameAt(this.#segment.content, at, this.#seed)
  }

  /** Takes the frame that is expected, or passes over what is bad; false at the end. */
  #step(): boolean {
    const { limit } = this.#segment
    const frame = this.#frameAt(this.#offset)
    if (frame?.seq === this.#expected && makesSense(frame)) {
      if (isRecord(frame) && this.#expected >= limit) return false
      this.#take(frame)
      return true
    }
    return this.#expected < limit && this.#pass(frame)
  }

  #take(frame: Frame): void {
    const walked = this.#walked
    walked.promised = Math.max(walked.promised, frame.durableBefore)
    walked.closedAt = frame.type === PROMISE && (frame.flags & 2) !== 0 ? frame.seq : -1
    if (isRecord(frame)) {
      walked.records.push({ seq: this.#expected, file: this.#segment.name, offset: this.#offset })
      this.#expected = frame.type === GAP ? frame.through + 1 : this.#expected + 1
    }
    this.#offset = this.#used = frame.end
  }

  /** `frame`: what passes here, but is not what is expected. */
  #pass(frame: Frame | undefined): boolean {
    const { name, content, limit } = this.#segment
    const offset = this.#offset
    const right = frame && frame.seq > this.#expected && makesSense(frame) ? frame : undefined
    const next = right ?? this.#search(frame ? frame.end : this.#behind(offset))
    const to = next?.at ?? content.length
    const passed = content.subarray(offset, to)
    const place = { file: name, offset, to, lostFrom: this.#expected, missingFile: false }
    if (next === undefined) {
      if (!isZero(passed)) {
        this.#endsUnknown = { ...place, lostThrough: null }
        this.#walked.badPlaces.push(this.#endsUnknown)
      }
      return false
    }
    const reached = Math.min(next.seq, limit)
    if (!(next.seq === this.#expected && next.type === PROMISE && isZero(passed)))
      this.#walked.badPlaces.push({ ...place, lostThrough: reached - 1 })
    this.#expected = reached
    this.#offset = next.at
    return true
  }

  #follows(frame: Frame): boolean {
    return frame.seq >= this.#expected && frame.seq <= this.#segment.limit && makesSense(frame)
  }

  /** Where to go on behind a place where no frame passes. */
  #behind(at: number): number {
    const { content } = this.#segment
    const bad = lookAt(content, at, this.#seed)
    if (bad === undefined) return at + 8
    this.#doubted += bad.end - at
    return this.#doubted > 4 * (content.length - HEADER_BYTES) ? bad.end : at + 8
  }

  /**
   * The next frame that could follow, from behind a frame that passes or from where one may stand.
   */
  #search(start: number): Frame | undefined {
    const { content, limit } = this.#segment
    let at = start
    for (let frame = this.#frameAt(at); frame; frame = this.#frameAt(at)) {
      if (this.#follows(frame)) return frame
      at = frame.end
    }
    if (start > this.#offset + 8) at = this.#behind(at)
    while (at + FRAME_BYTES <= content.length) {
      const frame = this.#frameAt(at)
      if (frame && this.#follows(frame)) return frame
      const seq = lookAt(content, at, this.#seed)?.seq ?? -1
      at = frame || seq < this.#expected || seq > limit ? at + 8 : this.#behind(at)
    }
    return undefined
  }

  /** What is missing up to where the next segment begins is lost. */
  #end(): void {
    const { name, content, limit, openEnded } = this.#segment
    if (this.#expected >= limit || !Number.isFinite(limit)) return
    if (this.#endsUnknown) this.#endsUnknown.lostThrough = limit - 1
    else if (!openEnded)
      this.#walked.badPlaces.push({
        file: name,
        offset: this.#used,
        to: Math.max(this.#used, content.length),
        lostFrom: this.#expected,
        lostThrough: limit - 1,
        missingFile: false,
      })
    if (this.#endsUnknown || !openEnded) this.#expected = limit
  }
}

export const loses = ({ lostFrom, lostThrough }: BadPlace): boolean =>
  lostThrough === null || lostThrough >= lostFrom
