/**
 * What must be said of a damaged log:
 *
 * - What comes back is what was written.
 * - What the damage did not touch comes back, up to the first lost record that nothing untouched
 *   promises.
 * - What is lost and promised by anything untouched is named, and nothing else is.
 *
 * Strict, salvage and the doctor agree on it, and change nothing.
 */
import assert from 'node:assert/strict'
import { type Damage, diagnose, type SequenceRange, Wal, WalError } from '../../src/mod.ts'
import { isSegment } from './damage-anatomy.ts'
import { DIRECTORY, FilesDisk } from './damage-disk.ts'
import { textOf } from './damage-logs.ts'
import type { Damaged, Untouched } from './damage-untouched.ts'

/**
 * `whole`: all records are there. `loss`: some are not, are named, and the log is refused.
 * `unknown`: it is refused since nobody can know. `hidden`: the end is gone with all that tells of
 * it, and the log opens and looks shorter.
 */
export type Outcome = 'whole' | 'loss' | 'unknown' | 'hidden'

/** What reading with `'salvage'` gives. */
export interface Salvaged {
  readonly lastSeq: number
  readonly snapshotSeq: number | undefined
  readonly records: ReadonlyMap<number, string>
  readonly damage: readonly Damage[]
  /** Sequence numbers that neither a record nor a usable snapshot stands for. */
  readonly missing: readonly number[]
  /** Those that are said to be lost. */
  readonly named: readonly number[]
}

/**
 * Fails unless strict, salvage and the doctor tell the truth about a damaged log. What was seen of
 * strict and the doctor stands in `agreed`: where salvage gives the same again, they are not asked
 * again.
 */
export async function check(
  untouched: Untouched,
  agreed: Set<string> = new Set(),
): Promise<{ outcome: Outcome; salvaged: Salvaged }> {
  const salvaged = await salvage(untouched)
  const { missing, named, damage } = salvaged
  const unknown = damage.some(({ acknowledged }) => acknowledged === null)
  const hidden = missing.filter((seq) => !named.includes(seq))
  none(
    named.filter((seq) => !missing.includes(seq)),
    'named as lost, and not lost',
  )
  none(
    hidden.filter((seq) => seq < untouched.promisedBefore),
    'lost, promised, and not named',
  )
  none(withheld(salvaged, untouched), 'untouched, and not returned')
  none(silentHeaders(salvaged, untouched), 'headers damaged, and not told')
  checkIds(salvaged, untouched)
  assert.ok(!unknown || untouched.mayBeUnknown, `no reason not to know: ${JSON.stringify(damage)}`)
  const mayHoldMore = damage.some(
    ({ kind, detail }) => kind === 'unreadable' && /may hold records from/.test(detail),
  )
  if (!unknown && !mayHoldMore) none(readableLater(hidden, untouched), 'perhaps readable later, and not told')
  const behaviour = JSON.stringify([damage, missing])
  if (!agreed.has(behaviour)) {
    await checkStrict(untouched.damaged, salvaged, unknown || named.length > 0)
    await checkDoctor(untouched.damaged, salvaged)
    agreed.add(behaviour)
  }
  const outcome = unknown ? 'unknown' : named.length > 0 ? 'loss' : missing.length > 0 ? 'hidden' : 'whole'
  return { outcome, salvaged }
}

export const none = (found: readonly unknown[], what: string): void => assert.deepEqual(found, [], what)

const open = ({ files, unreadable }: Damaged, recovery: 'strict' | 'salvage'): Promise<Wal> => {
  const disk = new FilesDisk(files, { readOnly: true, unreadable })
  return Wal.open({ directory: DIRECTORY, disk, readOnly: true, recovery })
}

/** The records, and the numbers that they stand for: a gap for several. */
async function readAll(wal: Wal): Promise<{ records: Map<number, string>; covered: Set<number> }> {
  const records = new Map<number, string>()
  const covered = new Set<number>()
  for await (const record of wal.read()) {
    assert.ok(!records.has(record.seq), `record ${record.seq} came back twice`)
    records.set(record.seq, textOf(record))
    const through = record.entry.type === 'gap' ? record.entry.throughSeq : record.seq
    for (const seq of numbersIn([{ from: record.seq, through }])) covered.add(seq)
  }
  return { records, covered }
}

async function salvage(untouched: Untouched): Promise<Salvaged> {
  const { endSeq, records: written, checkpoints } = untouched.original
  const wal = await open(untouched.damaged, 'salvage')
  const { records, covered } = await readAll(wal)
  for (const [seq, text] of records) assert.equal(text, written.get(seq), `record ${seq} came back altered`)
  const usable = checkpoints
    .filter(({ seq, entry }) => records.has(seq) && untouched.hasSnapshot(entry.snapshot!.name))
    .map(({ entry }) => entry)
  const from = untouched.heldBefore(Math.max(0, ...usable.map(({ replayFrom }) => replayFrom)))
  const missing = numbersIn([{ from, through: endSeq - 1 }]).filter((seq) => !covered.has(seq))
  const { damage, lastSeq, snapshotSeq } = wal.recovery
  const newest = usable.findLast(({ replayFrom }) => replayFrom >= from)
  assert.equal(snapshotSeq, newest?.sequenceNumber, 'not the newest snapshot that is whole')
  return { lastSeq, snapshotSeq, records, damage, missing, named: namedIn(damage) }
}

/** Every number in the ranges once, in order. */
export function numbersIn(ranges: readonly SequenceRange[]): number[] {
  const numbers = new Set<number>()
  for (const { from, through } of ranges)
    for (let seq = Number(from); seq <= Number(through); seq++) numbers.add(seq)
  return [...numbers].sort((a, b) => a - b)
}

export const namedIn = (damage: readonly Damage[]): number[] =>
  numbersIn(damage.filter(({ acknowledged }) => acknowledged).flatMap(({ seqs }) => seqs))

/**
 * Untouched records that do not come back, though nothing before them ends the log: it ends at the
 * first lost record that nothing promises.
 */
function withheld({ missing }: Salvaged, untouched: Untouched): number[] {
  if (!untouched.isReadable) return []
  const absent = untouched.original.recordFrames.filter(({ seq }) => missing.includes(seq))
  const end = absent.find((frame) => frame.seq >= untouched.promisedBefore && !untouched.has(frame))
  const before = end ? absent.slice(0, absent.indexOf(end)) : absent
  return before.filter((frame) => untouched.has(frame)).map(({ seq }) => seq)
}

function readableLater(seqs: readonly number[], untouched: Untouched): number[] {
  if (untouched.damaged.unreadable.length === 0) return []
  const later = untouched.later()
  const frames = untouched.original.recordFrames.filter((frame) => seqs.includes(frame.seq))
  return frames.filter((frame) => !untouched.has(frame) && later.has(frame)).map(({ seq }) => seq)
}

/** One copy of a header that is damaged must be told before the other goes too. */
function silentHeaders({ damage }: Salvaged, untouched: Untouched): string[] {
  const damaged = untouched.original.segments.filter(
    (segment) => !untouched.isGone(segment) && !segment.headers.every((copy) => untouched.has(copy)),
  )
  return damaged.map(({ path }) => path).filter((path) => !damage.some(({ file }) => path.endsWith(file)))
}

/**
 * The id of a lost record is told if it and what leads to it are untouched; and no other, unless
 * what it was read from is damaged.
 */
function checkIds({ damage, missing, named }: Salvaged, untouched: Untouched): void {
  const { files } = untouched.damaged
  const told = damage.flatMap(({ ids }) => ids)
  const lost = untouched.original.recordFrames.filter(({ seq, id }) => id && missing.includes(seq))
  const readable = lost.filter(({ id }) => id!.needs.every((extent) => untouched.has(extent)))
  const promised = readable.filter(
    ({ seq, path, to }) => named.includes(seq) && to <= files.get(path)!.length,
  )
  none(
    promised.map(({ id }) => id!.text).filter((text) => !told.includes(text)),
    'ids that could have been read',
  )
  const idsLost = lost.map(({ id }) => id!.text)
  if (lost.length === readable.length)
    none(
      told.filter((text) => !idsLost.includes(text)),
      'ids of nothing that is lost',
    )
}

async function checkStrict(damaged: Damaged, { records }: Salvaged, refused: boolean): Promise<void> {
  const strict = await open(damaged, 'strict').catch((error: unknown) => error)
  if (refused) {
    assert.ok(
      strict instanceof WalError && strict.code === 'WALV_DAMAGED',
      `a loss was not refused: ${strict}`,
    )
    return
  }
  assert.ok(strict instanceof Wal, `refused without a loss: ${strict}`)
  assert.deepEqual((await readAll(strict)).records, records)
}

async function checkDoctor(
  { files, unreadable }: Damaged,
  { damage, records, named, lastSeq, snapshotSeq }: Salvaged,
): Promise<void> {
  const disk = new FilesDisk(files, { readOnly: true, unreadable })
  const { verdict, refusal, losses, recoverable, ...found } = await diagnose({ directory: DIRECTORY, disk })
  assert.deepEqual(found.damage, damage)
  // Nothing at all is an empty log for who opens it, and no log for the doctor.
  if (![...files.keys()].some(isSegment)) return
  assert.equal(verdict, verdictFor(damage, named))
  assert.equal(refusal?.code, verdict === 'loss' || verdict === 'possible-loss' ? 'WALV_DAMAGED' : undefined)
  const parts = losses.flatMap(({ inSnapshot, unsure, gone }) => [...inSnapshot, ...unsure, ...gone])
  assert.deepEqual(numbersIn(parts), named)
  assert.deepEqual(
    [recoverable?.records, recoverable?.lastSeq, recoverable?.snapshotSeq],
    [records.size, lastSeq, snapshotSeq],
  )
}

function verdictFor(damage: readonly Damage[], named: readonly number[]): string {
  if (named.length > 0) return 'loss'
  if (damage.some(({ acknowledged }) => acknowledged === null)) return 'possible-loss'
  if (damage.some(({ kind }) => kind !== 'torn-tail')) return 'damaged'
  return damage.length > 0 ? 'torn-tail' : 'healthy'
}
