import type { Disk } from '../disk/disk.ts'
import type { Damage, WalRecord } from '../entry.ts'
import { WalError } from '../errors.ts'
import { decodeRecord } from '../format/decode.ts'
import { damageOf } from './damage.ts'
import { ioError } from './io-error.ts'
import { type FrameVisitor, type SegmentExtent, SegmentWalk } from './walk.ts'

/** Records are handed on once so much of them is decoded, so that memory stays bounded. */
const BATCH_BYTES = 256 * 1024

/** What a range of the log holds, in order. */
export type LogItem = { readonly record: WalRecord } | { readonly damage: Damage }

export interface ReadRange {
  readonly from: number
  /** The first sequence number not to be read. */
  readonly before: number
  /** What the log is known to promise: tells damage from a torn tail. */
  readonly durableBefore: number
  readonly signal?: AbortSignal | undefined
}

/** Reads and verifies the records of a range, segment after segment, with damage at its place. */
export async function* readItems(
  disk: Disk,
  segments: Iterable<SegmentExtent>,
  range: ReadRange,
): AsyncGenerator<LogItem, void, void> {
  for (const segment of segments) {
    if (segment.limitSeq <= range.from || segment.firstSeq >= range.before) continue
    yield* readSegment(disk, { ...segment, stopSeq: range.before }, range)
  }
}

async function* readSegment(disk: Disk, segment: SegmentExtent, range: ReadRange): AsyncGenerator<LogItem, void, void> {
  let items: LogItem[] = []
  let pending = 0
  const visitor: FrameVisitor = {
    record(window, at, header, bytes) {
      if (header.seq < range.from) return false
      const decoding = decodeRecord(window.memory, at, header)
      if ('record' in decoding) items.push(decoding)
      else items.push({ damage: senseless(segment.name, window.offset, bytes, header.seq, decoding.problem) })
      pending += bytes
      return pending >= BATCH_BYTES
    },
  }
  const walk = await SegmentWalk.open(disk, segment, visitor).catch((error) => {
    throw refusal(error, segment, range.signal)
  })
  try {
    let reported = 0
    while (!walk.done) {
      await walk.run(range.signal).catch((error) => {
        throw refusal(error, segment, range.signal)
      })
      yield* items
      items = []
      pending = 0
      for (; reported < walk.spots.length; reported++) {
        // Never null: a walk that is told where to stop knows how much each place lost.
        if (walk.spots[reported]!.lostThrough! < range.from) continue
        yield { damage: damageOf(walk.spots[reported]!, range.durableBefore, range.before) }
      }
    }
  } finally {
    await walk.close()
  }
}

function refusal(
  error: NodeJS.ErrnoException,
  { path, firstSeq }: SegmentExtent,
  signal: AbortSignal | undefined,
): Error {
  if (signal?.aborted) return new WalError('WALV_ABORTED', 'Reading the log was aborted.', { cause: error })
  if (error.code === 'ENOENT') {
    const message = `Record ${firstSeq} and those behind it were let go while they were being read. Start again from the last snapshot, or from the oldest record.`
    return new WalError('WALV_SEQUENCE_TRIMMED', message, { file: path, seq: firstSeq, cause: error })
  }
  return ioError(error, `${path} cannot be read; try again`, path)
}

/** A frame that verifies and makes no sense was written by something else than walv, or by a defect of it. */
const senseless = (file: string, offset: number, bytes: number, seq: number, problem: string): Damage => ({
  kind: 'corrupt',
  file,
  offset,
  bytes,
  acknowledged: true,
  seqs: [{ from: seq, through: seq }],
  ids: [],
  detail: `${file} at offset ${offset}: record ${seq} verifies but has ${problem}.`,
})

/**
 * The records alone.
 * @throws WALV_DAMAGED at the place where records are lost, unless `skipDamage`
 */
export async function* recordsOf(
  items: AsyncIterable<LogItem>,
  skipDamage: boolean,
): AsyncGenerator<WalRecord, void, void> {
  for await (const item of items) {
    if ('record' in item) yield item.record
    else if (!skipDamage && item.damage.seqs.length > 0) {
      const { file, offset, detail } = item.damage
      throw new WalError('WALV_DAMAGED', `${detail} Reading stopped there. See everything with: npx walv doctor.`, {
        file,
        offset,
        detail: [item.damage],
      })
    }
  }
}
