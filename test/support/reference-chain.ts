/** Which segments count, and up to which number: steps 1 to 4 of docs/format.md. */
import { type Header, headerIn } from './reference-format.ts'

export interface ReferenceFile {
  readonly name: string
  readonly content: Buffer
  /** Numbers of the sectors of 512 bytes that the disk cannot read. */
  readonly unreadable?: readonly number[]
}

export interface Segment {
  readonly name: string
  readonly number: number
  readonly content: Buffer
  readonly header: Header | undefined
  readonly badCopies: readonly number[]
  limit: number
  /** The next segment does not say that it goes on from this one. */
  openEnded: boolean
}

/** Steps 1 to 4: the segments that count, in order, with their limits. */
export function chainOf(files: readonly ReferenceFile[]): { segments: Segment[]; logId: Buffer | undefined } {
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
