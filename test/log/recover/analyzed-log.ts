/** Logs of small crafted segments, and what analysis finds in them. */
import { type Analysis, type AnalysisOptions, analyze } from '../../../src/log/recover/analysis.ts'
import { readDirectory } from '../../../src/log/recover/directory.ts'
import { SimulatedDisk } from '../../../src/testing/disk/simulated-disk.ts'
import { frameOfEntry, segmentOf } from '../../support/frames.ts'
import { brief } from '../../support/logs.ts'
import { alterOn, DIRECTORY, putFile, segmentAt } from '../../support/simulated-log.ts'

/** A record of 56 bytes. By default it promises nothing. */
export const record = (seq: number, seed: number, durableBefore = 0): Buffer =>
  frameOfEntry({ type: 'delete', id: 'id' }, { seq, durableBefore }, seed)

export const RECORD_BYTES = 56

export interface SegmentFields {
  readonly number: number
  readonly firstSeq: number
  readonly count?: number
  readonly durableBefore?: number
  readonly previous?: number
  readonly logId?: Buffer
  /** What follows the records. */
  readonly behind?: (seed: number) => readonly Buffer[]
  /** What the file holds instead. */
  readonly content?: Buffer
}

/** A segment of 4 KiB with so many records from its first number on. */
const segment = ({ count = 3, behind = () => [], ...fields }: SegmentFields): Buffer =>
  segmentOf({ capacity: 4096, ...fields }, (seed) => [
    ...Array.from({ length: count }, (_, index) => record(fields.firstSeq + index, seed)),
    ...behind(seed),
  ])

export async function diskOf(...segments: readonly SegmentFields[]): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  for (const { content, ...fields } of segments)
    await putFile(disk, segmentAt(fields.number), content ?? segment(fields))
  return disk
}

export const analysisOf = async (disk: SimulatedDisk, options?: AnalysisOptions): Promise<Analysis> =>
  analyze(disk, await readDirectory(disk, DIRECTORY), options)

/** Spoils the record at this place of a segment. */
export const spoil = (disk: SimulatedDisk, number: number, index: number): Promise<void> =>
  alterOn(disk, segmentAt(number), (content) => {
    content[1024 + index * RECORD_BYTES + 41]! ^= 1
  })

export const withoutHeader = (disk: SimulatedDisk, number: number): Promise<void> =>
  alterOn(disk, segmentAt(number), (content) => content.fill(0, 0, 1024))

/** What is wrong, in one line each, but for the headers. */
export const wrong = ({ damage }: Analysis): string[] =>
  damage
    .filter(({ kind }) => kind !== 'segment-header')
    .map((each) => `${each.file.slice(16, 18)} ${brief(each)}`)
