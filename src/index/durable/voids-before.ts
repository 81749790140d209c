import { WalError } from '../../errors.ts'
import type { Wal } from '../../log/wal.ts'
import { catalogAmong } from './catalog-file.ts'
import { IdLedger } from './id-ledger.ts'

/**
 * The places from `from` to before `end` whose changes had no effect: found as every opening finds
 * them, by which ids there are at each place, and their numbers, from the snapshot before on.
 * Memory: the ids.
 * @throws WALV_SEQUENCE_TRIMMED where what the ids were at `from` is no longer kept
 */
export async function voidsBefore(
  wal: Wal,
  from: number,
  end: number,
  signal: AbortSignal,
): Promise<ReadonlySet<number>> {
  const ledger = new IdLedger()
  const base = wal.snapshots.findLast(({ checkpoint }) => checkpoint.sequenceNumber < from)
  if (base && catalogAmong(base.snapshot.reference.files) !== undefined) {
    await ledger.load(base.snapshot, base.checkpoint.sequenceNumber)
  } else if (wal.stats().firstSeq > 0) {
    throw new WalError(
      'WALV_SEQUENCE_TRIMMED',
      `Of the changes from record ${from} on it cannot be told any more which took effect: the snapshot before it is no longer kept in ${wal.directory}.`,
      { seq: wal.stats().firstSeq },
    )
  }
  const { sequenceNumber: after, replayFrom } = base?.checkpoint ?? {}
  const voids = new Set<number>()
  for await (const unit of wal.replay({ after, from: replayFrom, borrow: true, signal })) {
    if (unit.seq >= end) break
    if (!ledger.take(unit)) voids.add(unit.seq)
  }
  return voids
}
