/**
 * A second reader of the format, written from docs/format.md alone: slow, plain, with whole files
 * in memory. What it finds is what the engine has to find.
 */
import { crc32 } from 'node:zlib'

const HEADER_BYTES = 1024
const FRAME_BYTES = 40
const PROMISE = 12
const GAP = 11
const MAGIC = Buffer.from([0xf5, 0x57, 0x56, 0xfe])
const PIECE_BYTES = 8192

export interface ReferenceFile {
  readonly name: string
  readonly content: Buffer
  /** Numbers of the sectors of 512 bytes that the disk cannot read. */
  readonly unreadable?: readonly number[]
}

interface Header {
  readonly logId: Buffer
  readonly number: number
  readonly firstSeq: number
  readonly durableBefore: number
  readonly capacity: number
  readonly previous: number
}

interface Segment {
  readonly name: string
  readonly number: number
  readonly content: Buffer
  readonly header: Header | undefined
  readonly badCopies: readonly number[]
  limit: number
  /** The next segment does not say that it goes on from this one. */
  openEnded: boolean
}

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

export interface Found {
  readonly records: { readonly seq: number; readonly file: string; readonly offset: number }[]
  readonly badPlaces: readonly BadPlace[]
  readonly promised: number
  readonly end: number
  readonly closed: boolean
  /** Names of the segments that count. */
  readonly files: readonly string[]
  /** What is damaged, in short: kind, file, acknowledged, numbers lost. */
  readonly damage: readonly string[]
}

const pad8 = (bytes: number): number => Math.ceil(bytes / 8) * 8

/** A u64; NaN from 2^53 on. */
function u64(bytes: Buffer, at: number): number {
  const value = bytes.readBigUInt64LE(at)
  return value < 2n ** 53n ? Number(value) : Number.NaN
}

function headerIn(content: Buffer, number: number): Pick<Segment, 'header' | 'badCopies'> {
  const copies = [0, 512].map((at) => headerCopy(content.subarray(at, at + 512)))
  const isGood = (copy: Header | undefined): boolean => copy?.number === number
  return { header: copies.find(isGood), badCopies: [0, 1].filter((copy) => !isGood(copies[copy])) }
}

function headerCopy(copy: Buffer): Header | undefined {
  if (copy.length < 512 || copy.toString('latin1', 0, 4) !== 'WALV') return undefined
  if (crc32(copy.subarray(0, 508)) !== copy.readUInt32LE(508)) return undefined
  const field = (at: number): number => u64(copy, at)
  return {
    logId: copy.subarray(24, 40),
    number: field(40),
    firstSeq: field(48),
    durableBefore: field(56),
    capacity: field(72),
    previous: field(80),
  }
}

interface Frame {
  readonly at: number
  readonly end: number
  readonly seq: number
  readonly durableBefore: number
  readonly type: number
  readonly flags: number
  /** Of a gap: its last number. */
  readonly through: number
}

/** The frame at a place, if it passes all checks. */
function frameAt(content: Buffer, at: number, seed: number): Frame | undefined {
  const frame = lookAt(content, at, seed)
  return frame?.isGood ? frame : undefined
}

/** The frame at a place, if it passes all checks but perhaps that of its content. */
function lookAt(
  content: Buffer,
  at: number,
  seed: number,
): (Frame & { readonly isGood: boolean }) | undefined {
  if (at + FRAME_BYTES > content.length || !content.subarray(at, at + 4).equals(MAGIC)) return undefined
  const headerSum = (crc32(content.subarray(at, at + 36), seed) ^ (at / 8)) >>> 0
  if (headerSum !== content.readUInt32LE(at + 36)) return undefined
  const payloadBytes = content.readUInt32LE(at + 4)
  const [seq, durableBefore] = [u64(content, at + 8), u64(content, at + 16)]
  const [type, flags] = [content[at + 30]!, content[at + 31]!]
  if (Number.isNaN(seq) || !(durableBefore <= seq) || type < 1 || type > 12 || flags > 3) return undefined
  const padded = pad8(payloadBytes)
  const pieces = Math.max(1, Math.ceil(padded / PIECE_BYTES))
  const table = at + FRAME_BYTES + padded
  const end = table + pad8(4 * (pieces - 1))
  if (end > content.length) return undefined
  let sum = seed
  let isGood = true
  for (let piece = 0; piece < pieces; piece++) {
    const from = at + FRAME_BYTES + piece * PIECE_BYTES
    sum = crc32(content.subarray(from, Math.min(from + PIECE_BYTES, table)), sum)
    if (sum !== content.readUInt32LE(piece === 0 ? at + 32 : table + 4 * (piece - 1))) isGood = false
  }
  const zeros = [
    content.subarray(at + FRAME_BYTES + payloadBytes, table),
    content.subarray(table + 4 * (pieces - 1), end),
  ]
  if (!zeros.every(isZero)) isGood = false
  const through = type === GAP && payloadBytes >= 8 ? u64(content, at + FRAME_BYTES) : Number.NaN
  return { at, end, seq, durableBefore, type, flags, through, isGood }
}

const isZero = (bytes: Buffer): boolean => bytes.equals(Buffer.alloc(bytes.length))

const isRecord = ({ type }: Frame): boolean => type !== PROMISE

function seedOf(logId: Buffer, number: number): number {
  const tail = Buffer.alloc(8)
  tail.writeBigUInt64LE(BigInt(number))
  return crc32(tail, crc32(logId))
}

/** Steps 1 to 4: the segments that count, in order, with their limits. */
function chainOf(files: readonly ReferenceFile[]): { segments: Segment[]; logId: Buffer | undefined } {
  const all = files
    .flatMap(({ name, content }): Segment[] => {
      const number = Number(/^segment-(\d{10})\.walv$/.exec(name)?.[1] ?? Number.NaN)
      if (Number.isNaN(number)) return []
      return [
        {
          name,
          number,
          content,
          ...headerIn(content, number),
          limit: Number.POSITIVE_INFINITY,
          openEnded: false,
        },
      ]
    })
    .sort((a, b) => a.number - b.number)
  const ids = all.flatMap(({ header }) => (header ? [header.logId] : []))
  const count = (id: Buffer): number => ids.filter((other) => other.equals(id)).length
  const logId = ids.find((id) => ids.every((other) => count(other) <= count(id)))
  const segments: Segment[] = []
  let limit = Number.POSITIVE_INFINITY
  for (const segment of all.reverse()) {
    const { header } = segment
    if (header && (!header.logId.equals(logId!) || header.firstSeq >= limit)) continue
    const [next] = segments
    segments.unshift({
      ...segment,
      limit,
      openEnded: next !== undefined && next.header?.previous !== segment.number,
    })
    if (header) limit = header.firstSeq
  }
  return { segments, logId }
}

interface Walked {
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
function walk(segments: readonly Segment[], logId: Buffer): Walked {
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
    scanSegment(segment, seedOf(logId, segment.number), from, walked)
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

function scanSegment(
  { name, content, limit, openEnded }: Segment,
  seed: number,
  from: number,
  walked: Walked,
): void {
  let expected = from
  let offset = HEADER_BYTES
  let used = HEADER_BYTES
  let endsUnknown: BadPlace | undefined
  walked.closedAt = -1
  const follows = (frame: Frame): boolean => frame.seq >= expected && frame.seq <= limit && makesSense(frame)
  /** Bytes of frames whose content is bad. */
  let doubted = 0
  /** Where to go on behind a place where no frame passes. */
  const behind = (at: number): number => {
    const bad = lookAt(content, at, seed)
    if (bad === undefined) return at + 8
    doubted += bad.end - at
    return doubted > 4 * (content.length - HEADER_BYTES) ? bad.end : at + 8
  }
  /**
   * The next frame that could follow, from behind a frame that passes or from where one may stand.
   */
  const search = (start: number): Frame | undefined => {
    let at = start
    for (let frame = frameAt(content, at, seed); frame; frame = frameAt(content, at, seed)) {
      if (follows(frame)) return frame
      at = frame.end
    }
    if (start > offset + 8) at = behind(at)
    while (at + FRAME_BYTES <= content.length) {
      const frame = frameAt(content, at, seed)
      if (frame && follows(frame)) return frame
      const seq = lookAt(content, at, seed)?.seq ?? -1
      at = frame || seq < expected || seq > limit ? at + 8 : behind(at)
    }
    return undefined
  }
  while (content.length - offset >= FRAME_BYTES) {
    const frame = frameAt(content, offset, seed)
    if (frame?.seq === expected && makesSense(frame)) {
      if (isRecord(frame) && expected >= limit) break
      walked.promised = Math.max(walked.promised, frame.durableBefore)
      walked.closedAt = frame.type === PROMISE && (frame.flags & 2) !== 0 ? frame.seq : -1
      if (isRecord(frame)) {
        walked.records.push({ seq: expected, file: name, offset })
        expected = frame.type === GAP ? frame.through + 1 : expected + 1
      }
      offset = used = frame.end
      continue
    }
    if (expected >= limit) break
    const right = frame && frame.seq > expected && makesSense(frame) ? frame : undefined
    const next = right ?? search(frame ? frame.end : behind(offset))
    const to = next?.at ?? content.length
    const passed = content.subarray(offset, to)
    if (next === undefined) {
      if (!isZero(passed)) {
        endsUnknown = { file: name, offset, to, lostFrom: expected, lostThrough: null, missingFile: false }
        walked.badPlaces.push(endsUnknown)
      }
      break
    }
    const reached = Math.min(next.seq, limit)
    if (!(next.seq === expected && next.type === PROMISE && isZero(passed)))
      walked.badPlaces.push({
        file: name,
        offset,
        to,
        lostFrom: expected,
        lostThrough: reached - 1,
        missingFile: false,
      })
    expected = reached
    offset = next.at
  }
  if (expected < limit && Number.isFinite(limit)) {
    if (endsUnknown) endsUnknown.lostThrough = limit - 1
    else if (!openEnded)
      walked.badPlaces.push({
        file: name,
        offset: used,
        to: Math.max(used, content.length),
        lostFrom: expected,
        lostThrough: limit - 1,
        missingFile: false,
      })
    if (endsUnknown || !openEnded) expected = limit
  }
  walked.expected = Math.max(walked.expected, expected)
  walked.used = used
}

const makesSense = ({ type, through, seq }: Frame): boolean => type !== GAP || through >= seq

const loses = ({ lostFrom, lostThrough }: BadPlace): boolean =>
  lostThrough === null || lostThrough >= lostFrom

/** What cannot be read counts as bytes that do not verify and are not zero. */
function filled({ name, content, unreadable = [] }: ReferenceFile): ReferenceFile {
  const readable = Buffer.from(content)
  for (const sector of unreadable) readable.subarray(sector * 512, sector * 512 + 512).fill(0xee)
  return { name, content: readable }
}

/** The whole reading; undefined if no segment has a header. */
export function readReference(files: readonly ReferenceFile[]): Found | undefined {
  const { segments, logId } = chainOf(files.map(filled))
  if (logId === undefined) return undefined
  let walked = walk(segments, logId)
  const last = walked.files.at(-1)
  let again = false
  for (const segment of segments) {
    if (!segment.openEnded || segment.name === last || !walked.files.includes(segment.name)) continue
    const promised = walked.watermarkAt.get(segment.name)!
    const end = walked.badPlaces.find(
      (place) =>
        place.file === segment.name && !place.missingFile && loses(place) && place.lostFrom >= promised,
    )
    if (end === undefined) continue
    segment.limit = end.lostFrom
    again = true
  }
  if (again) walked = walk(segments, logId)
  const { badPlaces, promised, expected, files: live } = walked
  const lastPlace = badPlaces.at(-1)
  if (promised > expected && lastPlace?.lostThrough !== null) {
    const file = live.at(-1)!
    const to = segments.find(({ name }) => name === file)!.content.length
    const lost = { lostFrom: expected, lostThrough: promised - 1 }
    badPlaces.push({ file, offset: walked.used, to: Math.max(walked.used, to), missingFile: false, ...lost })
  }
  const cut = badPlaces.find(
    (place) => loses(place) && (place.lostThrough ?? Number.POSITIVE_INFINITY) >= promised,
  )
  const end = Math.max(cut ? cut.lostFrom : expected, promised)
  const cutSegments = segments.map((segment) => ({ ...segment, limit: Math.min(segment.limit, end) }))
  const final = end < expected ? walk(cutSegments, logId) : walked
  const closed = final.closedAt === end
  const isUnreadable = ({ file, offset, to }: BadPlace): boolean => {
    const sectors = files.find(({ name }) => name === file)?.unreadable ?? []
    return sectors.some((sector) => sector * 512 < to && sector * 512 + 512 > offset)
  }
  const kept = badPlaces.filter(({ lostFrom }) => lostFrom <= end)
  for (const place of kept) {
    // Behind the end of a log that was closed in order there was nothing.
    if (closed && isUnreadable(place) && place.lostThrough === null && place.lostFrom === end)
      place.lostThrough = end - 1
  }
  const counting = segments.filter(({ name }) => live.includes(name))
  const damage = [
    ...counting.flatMap((segment) => damagedHeader(segment, segment.name === live.at(-1), walked)),
    ...kept.map((place) => damagedPlace(place, promised, end, isUnreadable(place))),
    ...counting.flatMap((segment) => damagedSize(segment, segment.name === live.at(-1) && !closed)),
  ]
  return { records: final.records, badPlaces: kept, promised, end, closed, files: live, damage }
}

function damagedHeader(
  { name, content, badCopies }: Segment,
  isLast: boolean,
  { promised, startsAt }: Walked,
): string[] {
  if (content.length < HEADER_BYTES) return []
  const begun = isLast && promised <= startsAt.get(name)!
  return badCopies.map(() => `${begun ? 'torn-tail' : 'segment-header'} ${name} false`)
}

function damagedPlace(place: BadPlace, promised: number, end: number, isUnreadable: boolean): string {
  const { file, lostFrom, lostThrough, missingFile } = place
  const kind = isUnreadable ? 'unreadable' : missingFile ? 'missing-segment' : 'corrupt'
  if (!loses(place)) return `${kind} ${file} false`
  if (lostFrom >= promised && isUnreadable) return `unreadable ${file} null`
  if (lostFrom >= promised) return `torn-tail ${file} false`
  return `${kind} ${file} true ${lostFrom}..${Math.min(lostThrough ?? end, end - 1)}`
}

function damagedSize({ name, content, header }: Segment, mayHide: boolean): string[] {
  const made = Math.max(HEADER_BYTES, header?.capacity ?? 0)
  return content.length < made ? [`truncated ${name} ${mayHide ? null : false}`] : []
}
