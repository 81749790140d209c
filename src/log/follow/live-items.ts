import { clearInterval, setInterval } from '../../clock.ts'
import type { Disk } from '../../disk/disk.ts'
import type { WalRecord } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { type Files, type LogItem, readItems } from '../read/record-reader.ts'
import type { Mark, SegmentExtent } from '../segment/segment-scan.ts'
import { LastFile } from './last-file.ts'
import type { LiveSource } from './live-source.ts'

/** How often what cannot be read is looked for anew before it is believed. */
const TRIES = 5
/** Longest that a timer waits. */
const FOR_EVER_MS = 2 ** 31 - 1

export interface LiveRange {
  readonly from: number
  /** Where to end; without it, only with `ended`. */
  readonly until?: number
  readonly ended: AbortSignal
  readonly borrow: boolean
  /** Keeps the process alive while there is nothing to read. */
  readonly holds: boolean
  /** Told the number that it waits for, before it waits, and undefined when it goes on. */
  readonly waits?: (reached: number | undefined) => void
}

/**
 * The records of a log from `from` on, with damage at its place, and then those that come: memory
 * is bounded, and nothing is read before it is asked for. Where files are let go of or superseded
 * while they are read, it goes on in those that have the records now.
 * @throws WALV_SEQUENCE_TRIMMED where none has them
 */
export async function* liveItems(
  disk: Disk,
  source: LiveSource,
  range: LiveRange,
): AsyncGenerator<readonly LogItem[], void, void> {
  if (!source.copy) return yield* itemsFrom(disk, source, range)
  const files = new LastFile(disk, source)
  try {
    yield* itemsFrom(files, source, range)
  } finally {
    // Nobody waits for it: what ended the reading is told at once.
    void files.close()
  }
}

async function* itemsFrom(
  files: Files,
  source: LiveSource,
  range: LiveRange,
): AsyncGenerator<readonly LogItem[], void, void> {
  const { ended, borrow, until = Number.POSITIVE_INFINITY } = range
  const place = new Place(range.from)
  for (let failures = 0; !ended.aborted && place.next < until; ) {
    const { extents, before } = source.extent
    if (place.next >= before) {
      if (source.broken) throw source.broken
      await wait(source, range, place.next)
      continue
    }
    if (place.next < (extents[0]?.firstSeq ?? 0)) throw trimmed(source, place.next)
    try {
      const end = Math.min(before, until)
      const { next: from, reached } = place
      const reading = { from, before: end, durableBefore: before, borrow, again: AGAIN, reached }
      for await (const items of readItems(files, place.marked(extents), reading)) {
        const good = failures < TRIES && source.refresh ? untilDamage(items) : items
        if (good.length > 0) {
          failures = 0
          place.pass(good)
          yield good
          if (ended.aborted) return refuseCutShort(range)
        }
        if (good.length < items.length) throw new Doubtful()
      }
      place.next = end
    } catch (error) {
      if (!source.refresh || ++failures > TRIES || !mayGoBetter(error)) throw error
      place.forget()
      await source.refresh()
    }
  }
  if (ended.aborted) refuseCutShort(range)
}

/** What was to go on without an end has one; what had an end was not read as far as that. */
function refuseCutShort({ until, ended }: LiveRange): void {
  if (until !== undefined)
    throw new WalError('WALV_ABORTED', 'Reading the log was aborted.', { cause: ended.reason })
}

/** Damage beside a live writer is believed when it is still there at another look. */
class Doubtful extends Error {}

const mayGoBetter = (error: unknown): boolean =>
  error instanceof Doubtful || (error as WalError).code === 'WALV_SEQUENCE_TRIMMED'

function untilDamage(items: readonly LogItem[]): readonly LogItem[] {
  const bad = items.findIndex((item) => 'damage' in item && item.damage.seqs.length > 0)
  return bad < 0 ? items : items.slice(0, bad)
}

/** How far the reading has come, and where that is. */
class Place {
  next: number
  #segment = 0
  #mark: Mark | undefined

  constructor(next: number) {
    this.next = next
  }

  readonly reached = (segment: number, mark: Mark): void => {
    this.#segment = segment
    this.#mark = mark
  }

  forget(): void {
    this.#mark = undefined
  }

  pass(items: readonly LogItem[]): void {
    for (const item of items) if ('record' in item) this.next = behind(item.record)
  }

  /** The segments, the one that was read last with the place where it ended. */
  marked(extents: readonly SegmentExtent[]): readonly SegmentExtent[] {
    const mark = this.#mark
    if (mark === undefined || mark.seq !== this.next) return extents
    const marked = (extent: SegmentExtent): SegmentExtent =>
      extent.number === this.#segment ? { ...extent, marks: [mark] } : extent
    return extents.map(marked)
  }
}

const behind = ({ seq, entry }: WalRecord): number => (entry.type === 'gap' ? entry.throughSeq : seq) + 1

async function wait(source: LiveSource, { ended, holds, waits }: LiveRange, next: number): Promise<void> {
  const hold = holds ? setInterval(() => {}, FOR_EVER_MS) : undefined
  waits?.(next)
  try {
    await source.moved.next(ended)
  } finally {
    waits?.(undefined)
    clearInterval(hold)
  }
}

const AGAIN = 'Read from the oldest record that is kept, or from the last snapshot on.'

function trimmed({ directory, extent }: LiveSource, seq: number): WalError {
  const first = extent.extents[0]?.firstSeq ?? extent.before
  const message = `Record ${seq} is no longer kept: the log in ${directory} begins with record ${first}. ${AGAIN}`
  return new WalError('WALV_SEQUENCE_TRIMMED', message, { seq: first })
}
