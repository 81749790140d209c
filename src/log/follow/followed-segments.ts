import type { Disk } from '../../disk/disk.ts'
import { WalError } from '../../errors.ts'
import { type SegmentHeader, segmentName, segmentNumber } from '../../format/segment.ts'
import { SegmentCodec } from '../../format/segment-codec.ts'
import { refuseDirectory } from '../layout.ts'
import type { Analysis } from '../recover/analysis.ts'
import { readSegmentFile, type SegmentFile } from '../recover/directory.ts'
import type { SegmentExtent } from '../segment/segment-scan.ts'

/** A list that seems to lack a file is made again, before what is missing is believed. */
const LISTS = 4

/**
 * The segments of a log that others write, oldest first, as the directory says. A segment that is
 * new supersedes what those before it hold from its first sequence number on.
 */
export class FollowedSegments {
  readonly #disk: Disk
  readonly #directory: string
  #logId: Buffer | undefined
  #extents: readonly SegmentExtent[]
  /** Of the newest segment whose header was read; 0 before the first. */
  #newest: number

  constructor(disk: Disk, directory: string, { logId, segments }: Analysis) {
    this.#disk = disk
    this.#directory = directory
    this.#logId = logId
    const begun = segments.findLastIndex(({ headerValid }) => headerValid)
    // What has no header yet may be begun just now: it is looked at again.
    this.#extents = segments.slice(0, begun + 1)
    this.#newest = this.#extents.at(-1)?.number ?? 0
  }

  get logId(): Buffer | undefined {
    return this.#logId
  }

  get all(): readonly SegmentExtent[] {
    return this.#extents
  }

  get firstSeq(): number {
    return this.#extents[0]?.firstSeq ?? 0
  }

  /** The first one behind that of this number. */
  after(number: number): SegmentExtent | undefined {
    return this.#extents.find((extent) => extent.number > number)
  }

  /** Where the records of a segment end that still counts; undefined for one that does not. */
  endOf(number: number): number | undefined {
    return this.#extents.find((extent) => extent.number === number)?.supersededFrom
  }

  /**
   * Looks at the directory. `begun` is told the headers of segments that are new, in their order.
   * @throws WALV_NO_DIRECTORY, WALV_FOREIGN_LOG, WALV_DAMAGED where files are gone that no writer
   * lets go of, and what the disk says
   */
  async list(begun: (header: SegmentHeader) => void): Promise<void> {
    for (let left = LISTS; left > 0; left--) {
      const entries = await this.#disk.list(this.#directory).catch((e) => refuseDirectory(this.#directory, e))
      const numbers = new Set<number>()
      for (const { name, kind } of entries) {
        const number = kind === 'file' ? segmentNumber(name) : undefined
        if (number !== undefined) numbers.add(number)
      }
      const found = await this.#readNew([...numbers].filter((number) => number > this.#newest))
      // A directory that changes while it is listed may show a name or not.
      const isWhole = this.#isWhole(numbers, found)
      if (!isWhole && left > 1) continue
      if (!isWhole && !numbers.has(this.#newest) && found.length === 0) throw this.#setBack()
      this.#extents = this.#extents.filter(({ number }) => numbers.has(number))
      for (const segment of found) {
        this.#add(segment)
        begun(segment.header!)
      }
      return
    }
  }

  async #readNew(numbers: readonly number[]): Promise<SegmentFile[]> {
    const found: SegmentFile[] = []
    for (const number of numbers.toSorted((a, b) => a - b)) {
      const file = await readSegmentFile(this.#disk, this.#directory, segmentName(number), number)
      if (file?.header?.number !== number) continue
      this.#logId ??= file.header.logId
      if (!file.header.logId.equals(this.#logId)) throw this.#foreign(file.name)
      found.push(file)
    }
    return found
  }

  /** Whether the newest segment is there, and each new one goes on from one that is. */
  #isWhole(numbers: ReadonlySet<number>, found: readonly SegmentFile[]): boolean {
    if (this.#newest > 0 && found.length === 0) return numbers.has(this.#newest)
    const known = new Set([...this.#extents.map(({ number }) => number), ...found.map((each) => each.number)])
    return found.every(({ header }) => header!.previous === 0 || known.has(header!.previous))
  }

  #add({ number, name, path, bytes, header }: SegmentFile): void {
    const { firstSeq } = header!
    const kept = this.#extents
      .filter((extent) => extent.firstSeq < firstSeq)
      .map((extent) => ({ ...extent, supersededFrom: Math.min(extent.supersededFrom, firstSeq) }))
    this.#extents = [
      ...kept,
      {
        ...{ number, name, path, bytes, firstSeq },
        codec: SegmentCodec.of(this.#logId!, number),
        supersededFrom: Number.POSITIVE_INFINITY,
        scanEnd: Number.POSITIVE_INFINITY,
        openEnded: false,
        tolerateUnreadable: false,
      },
    ]
    this.#newest = number
  }

  #setBack(): WalError {
    return setBack(this.#directory, `${segmentName(this.#newest)} is gone, and none has taken its place`)
  }

  #foreign(name: string): WalError {
    const message = `${this.#directory} holds another log by now: ${name} is not of the one that is followed. Open it again.`
    return new WalError('WALV_FOREIGN_LOG', message, { file: this.#directory })
  }
}

/** What is followed is not a later state of what was seen. */
export const setBack = (directory: string, what: string): WalError =>
  new WalError(
    'WALV_DAMAGED',
    `The log in ${directory} does not go on from what was read of it: ${what}. Open it again to see what it holds now.`,
    { file: directory },
  )
