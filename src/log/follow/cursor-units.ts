import { echo } from '../../echo.ts'
import type { WalRecord } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { NamedCursor } from '../cursor/cursor.ts'
import type { CursorReading } from '../cursor/cursor-reading.ts'
import { overtaken } from '../cursor/cursor-trouble.ts'
import type { CommittedUnit, TailOptions } from '../log.ts'
import { type Held, replayUnits } from '../read/replay.ts'
import { TransactionTracker } from '../transaction/tracker.ts'
import type { LiveSource } from './live-source.ts'

/** @throws WALV_INVALID_OPTION, WALV_CLOSED */
export function readingOf(
  cursor: TailOptions['cursor'],
  { from }: Pick<TailOptions, 'from'>,
  directory: string,
): CursorReading {
  if (!(cursor instanceof NamedCursor))
    throw new WalError(
      'WALV_INVALID_OPTION',
      `The option cursor must be one that cursor() of this log has opened, not ${echo(cursor)}.`,
    )
  if (from !== undefined)
    throw new WalError(
      'WALV_INVALID_OPTION',
      'A cursor says itself where to begin: leave out from, or the cursor.',
    )
  return cursor.read(directory)
}

/** What takes effect behind a cursor's place, each told to it. */
export async function* cursorUnits(
  records: AsyncIterable<WalRecord>,
  reading: CursorReading,
  readAgain: (from: number, through: number) => AsyncIterable<WalRecord>,
  source: LiveSource,
): AsyncGenerator<CommittedUnit, void, void> {
  const transactions = new TransactionTracker<Held>()
  const { position } = reading.place
  try {
    for await (const unit of replayUnits(records, position, readAgain, 0, transactions)) {
      const [oldest = unit.seq + 1] = transactions.open.keys()
      reading.told({ position: unit.seq, replayFrom: oldest })
      yield unit
      reading.goOn()
    }
  } catch (error) {
    if ((error as WalError).code !== 'WALV_SEQUENCE_TRIMMED') throw error
    const firstSeq = source.extent.extents[0]?.firstSeq ?? source.extent.before
    throw overtaken(reading.name, source.directory, reading.place.replayFrom, firstSeq)
  }
}
