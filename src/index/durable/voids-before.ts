import { WalError } from '../../errors.ts'
import type { Wal } from '../../log/wal.ts'
import { Catalog } from './catalog.ts'
import { catalogAmong } from './catalog-file.ts'
import { dataEntries, impossibleAs } from './index-state.ts'

/**
 * The places from `from` to before `end` whose changes had no effect: found as every opening finds
 * them, by which ids there are at each place, from the snapshot before on. Memory: the ids.
 * @throws WALV_SEQUENCE_TRIMMED where what the ids were at `from` is no longer kept
 */
export async function voidsBefore(
  wal: Wal,
  from: number,
  end: number,
  signal: AbortSignal,
): Promise<ReadonlySet<number>> {
  const ids = new Set<string>()
  const base = wal.snapshots.findLast(({ checkpoint }) => checkpoint.sequenceNumber < from)
  const file = base && catalogAmong(base.snapshot.reference.files)
  if (base && file !== undefined) {
    const catalog = new Catalog()
    await catalog.load(base.snapshot.read(file))
    for (const id of catalog.ids()) ids.add(id)
  } else if (wal.stats().firstSeq > 0) {
    throw new WalError(
      'WALV_SEQUENCE_TRIMMED',
      `Of the changes from record ${from} on it cannot be told any more which took effect: the snapshot before it is no longer kept in ${wal.directory}.`,
      { seq: wal.stats().firstSeq },
    )
  }
  const { sequenceNumber: after, replayFrom } = base?.checkpoint ?? {}
  const voids = new Set<number>()
  for await (const { seq, entries } of wal.replay({ after, from: replayFrom, borrow: true, signal })) {
    if (seq >= end) break
    const outcome = new Map<string, boolean>()
    const isVoid = [...dataEntries(entries)].some((change) => {
      const { id, type } = change
      const impossible = impossibleAs(change, outcome.get(id) ?? ids.has(id)) !== undefined
      outcome.set(id, type !== 'delete')
      return impossible
    })
    if (isVoid) voids.add(seq)
    else for (const [id, exists] of outcome) exists ? ids.add(id) : ids.delete(id)
  }
  return voids
}
