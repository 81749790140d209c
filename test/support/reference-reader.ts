/**
 * A second reader of the format, written from docs/format.md alone: slow, plain, with whole files
 * in memory. What it finds is what the engine has to find.
 */
import { chainOf, type ReferenceFile, type Segment } from './reference-chain.ts'
import { HEADER_BYTES } from './reference-format.ts'
import { type BadPlace, loses, type Walked, walk } from './reference-scan.ts'

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
