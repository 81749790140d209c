/**
 * What a damage left alone, and what must therefore still be there: told from the bytes, by rules
 * that know nothing of how the engine reads.
 */
import { decodeSegmentHeader } from '../../src/format/segment.ts'
import type { Extent, Segment } from './damage-anatomy.ts'
import { type Files, SECTOR, type Unreadable } from './damage-disk.ts'
import type { Harm } from './damage-kinds.ts'
import type { Original } from './damage-logs.ts'

export interface Damaged {
  readonly files: Files
  readonly unreadable: readonly Unreadable[]
}

export const damagedBy = ({ files }: Original, { apply, unreadable }: Harm): Damaged => ({
  files: apply(files),
  unreadable: unreadable ?? [],
})

export class Untouched {
  readonly original: Original
  readonly damaged: Damaged
  /** Every record with a smaller number is promised by a header or a frame that is untouched. */
  readonly promisedBefore: number
  /** Whether any segment has a header: without one nothing can be read. */
  readonly isReadable: boolean
  readonly #misnamed: ReadonlySet<string>

  constructor(original: Original, damaged: Damaged) {
    this.original = original
    this.damaged = damaged
    const paths = original.segments.map(({ path }) => path).filter((path) => damaged.files.has(path))
    this.#misnamed = new Set(paths.filter((path) => saysOtherName(damaged, path)))
    this.isReadable = original.segments.some((segment) => this.hasHeader(segment))
    const promises = original.segments.flatMap((segment) => [
      this.hasHeader(segment) ? segment.durableBefore : 0,
      ...segment.frames.filter((frame) => this.has(frame)).map(({ durableBefore }) => durableBefore),
    ])
    this.promisedBefore = Math.max(0, ...promises)
  }

  /** A segment file says that it is another one. */
  get isMisnamed(): boolean {
    return this.#misnamed.size > 0
  }

  /**
   * What lies in a file that says it is another one counts as touched: nobody can tell whose it is.
   */
  has({ path, from, to }: Extent): boolean {
    if (
      this.#misnamed.has(path) ||
      this.damaged.unreadable.some((place) => overlaps(place, { path, from, to }))
    )
      return false
    const now = this.damaged.files.get(path)
    const before = this.original.files.get(path)!
    return (
      now === before ||
      (now !== undefined && now.length >= to && now.compare(before, from, to, from, to) === 0)
    )
  }

  hasHeader({ headers }: Segment): boolean {
    return headers.some((header) => this.has(header))
  }

  /** The same when every sector can be read again. */
  later(): Untouched {
    return new Untouched(this.original, { ...this.damaged, unreadable: [] })
  }

  hasFile(path: string): boolean {
    return this.has({ path, from: 0, to: this.original.files.get(path)!.length })
  }

  hasSnapshot(name: string): boolean {
    return (
      [...this.original.files.keys()]
        // What a snapshot says of itself is needed only where the log does not.
        .filter((path) => path.includes(`/${name}/`) && !path.endsWith('/.checkpoint.json'))
        .every((path) => this.hasFile(path))
    )
  }

  /**
   * The file is not there, or is not that segment any more, or holds nothing: who looks at the
   * others cannot tell that it ever was.
   */
  isGone(segment: Segment): boolean {
    const bytes = this.damaged.files.get(segment.path)
    if (bytes === undefined || this.#misnamed.has(segment.path)) return true
    if (this.hasHeader(segment)) return false
    const unused = bytes.length >= 2 * SECTOR && bytes.subarray(2 * SECTOR).every((byte) => byte === 0)
    const isFirst = segment === this.original.segments[0]
    return unused || (isFirst && !segment.frames.some((frame) => this.has(frame)))
  }

  /**
   * The records before this one need not be there, since a snapshot that reaches up to `reach`
   * holds them: those that the log had let go of, and those before a place where nothing tells any
   * more what was there.
   */
  heldBefore(reach: number): number {
    const begins = this.original.segments.flatMap((segment, index) => {
      const before = this.original.segments[index - 1]
      if (before === undefined) return [segment.firstSeq, ...this.#beginWithoutHeader(segment)]
      return this.hasHeader(segment) && this.isGone(before) ? [segment.firstSeq] : []
    })
    return Math.max(0, ...begins.filter((seq) => seq <= reach))
  }

  /** The few cases in which nobody can know whether something is lost. */
  get mayBeUnknown(): boolean {
    const { files, unreadable } = this.damaged
    const last = this.original.segments.findLast(({ path }) => files.has(path))
    if (last === undefined || unreadable.length > 0 || !this.isReadable || this.isMisnamed) return true
    // Of the last file, a part is gone, and with it what would tell that the log was closed.
    const isCut = files.get(last.path)!.length < this.original.files.get(last.path)!.length
    return isCut && !last.frames.some((frame) => frame.closes && this.has(frame))
  }

  #beginWithoutHeader(segment: Segment): number[] {
    const begin = this.hasHeader(segment) ? undefined : segment.frames.find((frame) => this.has(frame))
    return begin ? [begin.seq] : []
  }
}

const overlaps = ({ path, sector }: Unreadable, extent: Extent): boolean =>
  path === extent.path && sector * SECTOR < extent.to && (sector + 1) * SECTOR > extent.from

/** No header that verifies has the number of the file's name, and one has another. */
function saysOtherName({ files, unreadable }: Damaged, path: string): boolean {
  const numbers = [0, SECTOR].flatMap((from) => {
    const to = from + SECTOR
    if (unreadable.some((place) => overlaps(place, { path, from, to }))) return []
    const reading = decodeSegmentHeader(files.get(path)!.subarray(from, to))
    return reading.state === 'valid' ? [reading.header.number] : []
  })
  return numbers.length > 0 && !numbers.includes(Number(/(\d{10})\.walv$/.exec(path)![1]))
}
