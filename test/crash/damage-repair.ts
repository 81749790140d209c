/** What a damaged log must be like after a repair, and after going on without one. */
import assert from 'node:assert/strict'
import { diagnose, type RecoveryPolicy, Wal, WalError, type WalRecord } from '../../src/mod.ts'
import { isSegment } from './damage-anatomy.ts'
import { DIRECTORY, type Files, FilesDisk, overwritten, SECTOR } from './damage-disk.ts'
import { textOf } from './damage-logs.ts'
import { namedIn, none, numbersIn, type Salvaged } from './damage-oracle.ts'
import type { Damaged, Untouched } from './damage-untouched.ts'

/**
 * Fails unless a repair keeps all that was salvaged, says what is gone, keeps a copy of what was
 * damaged, and has nothing left to do.
 */
export async function checkRepair(untouched: Untouched, salvaged: Salvaged): Promise<void> {
  const disk = writable(untouched.damaged)
  if (await isRefused(untouched, disk, 'repair')) return
  const wal = await open(disk, 'repair')
  assert.deepEqual(wal.recovery.damage, salvaged.damage)
  const seq = await goOn(wal)
  none(
    salvaged.named.filter((lost) => lost >= seq),
    'numbers of lost records used again',
  )
  checkQuarantine(untouched.damaged, disk.files(), salvaged)
  const repaired = await readBack(disk, 'strict')
  checkKept(salvaged, repaired.records, seq)
  assert.deepEqual(newGaps(repaired.records, salvaged), salvaged.named, 'gaps say what is gone')
  // A snapshot that cannot be read now is left where it is.
  none(
    repaired.damage.filter(({ kind }) => kind !== 'unreadable'),
    'damaged after a repair',
  )
  const { verdict } = await diagnose({ directory: DIRECTORY, disk })
  assert.equal(verdict, repaired.damage.length > 0 ? 'damaged' : 'healthy')
  const again = await open(disk, 'repair')
  none(again.recovery.quarantined, 'a second repair had something to do')
  await again.close()
  assert.deepEqual((await readBack(disk, 'strict')).records, repaired.records)
}

/**
 * Fails unless a log that was opened as it is, and written to, still has all that was there, and
 * still says what is lost.
 */
export async function checkGoingOn(
  untouched: Untouched,
  salvaged: Salvaged,
  policy: 'strict' | 'salvage',
): Promise<void> {
  const disk = writable(untouched.damaged)
  if (await isRefused(untouched, disk, policy)) return
  const seq = await goOn(await open(disk, policy))
  const after = await readBack(disk, policy)
  checkKept(salvaged, after.records, seq)
  assert.deepEqual(namedIn(after.damage), salvaged.named, 'the loss is told otherwise after going on')
  if (untouched.damaged.files !== untouched.original.files) return
  disk.heal()
  const { records } = await readBack(disk, policy)
  const before = [...untouched.original.records.keys()].filter((each) => each <= salvaged.lastSeq)
  none(
    before.filter((each) => !records.has(each)),
    'given up for a sector that can be read again',
  )
}

/**
 * Fails unless a log with a segment of another one is refused, and left as it is. Which of the two
 * is wanted, only their owner knows.
 */
export async function checkForeign(damaged: Damaged): Promise<void> {
  const disk = writable(damaged)
  for (const policy of ['strict', 'salvage', 'repair'] as const) {
    const code = policy === 'strict' ? 'WALV_DAMAGED' : 'WALV_FOREIGN_LOG'
    await assert.rejects(open(disk, policy), { code })
  }
  assert.deepEqual(withoutLock(disk.files()), withoutLock(damaged.files))
  const { verdict, remedy } = await diagnose({ directory: DIRECTORY, disk })
  assert.ok(verdict === 'possible-loss' || verdict === 'loss')
  assert.equal(remedy.kind, 'move-file')
}

const writable = ({ files, unreadable }: Damaged): FilesDisk => new FilesDisk(files, { unreadable })

const open = (disk: FilesDisk, recovery: RecoveryPolicy): Promise<Wal> =>
  Wal.open({ directory: DIRECTORY, disk, recovery })

async function goOn(wal: Wal): Promise<number> {
  const seq = await wal.append({ type: 'delete', id: 'after' })
  await wal.close()
  return seq
}

/**
 * Where segments are not this log's, or nothing tells whose they are, only their owner can decide:
 * nothing is changed.
 */
async function isRefused(untouched: Untouched, disk: FilesDisk, policy: RecoveryPolicy): Promise<boolean> {
  if (untouched.isReadable && !untouched.isMisnamed) return false
  // Without a segment and a snapshot there is no log: a new one begins.
  const { damaged } = untouched
  const paths = [...damaged.files.keys()]
  if (!paths.some((path) => isSegment(path) || path.includes('/snapshots/'))) return true
  const refusal = await open(disk, policy).catch((error: unknown) => error)
  const refused = refusal instanceof WalError && ['WALV_DAMAGED', 'WALV_FOREIGN_LOG'].includes(refusal.code)
  assert.ok(refused, `not refused: ${refusal}`)
  assert.deepEqual(withoutLock(disk.files()), withoutLock(damaged.files), 'refused, and changed')
  return true
}

const withoutLock = (files: Files): [string, Buffer][] =>
  [...files].filter(([path]) => !path.endsWith('/LOCK'))

async function readBack(
  disk: FilesDisk,
  recovery: 'strict' | 'salvage',
): Promise<{ records: Map<number, WalRecord>; damage: Salvaged['damage'] }> {
  const wal = await Wal.open({ directory: DIRECTORY, disk, readOnly: true, recovery })
  const records = new Map<number, WalRecord>()
  for await (const record of wal.read()) records.set(record.seq, record)
  return { records, damage: wal.recovery.damage }
}

/**
 * What was salvaged is there, and behind it only the ends of transactions that were open, and what
 * was appended.
 */
function checkKept(salvaged: Salvaged, records: ReadonlyMap<number, WalRecord>, appended: number): void {
  for (const [seq, text] of salvaged.records) {
    const record = records.get(seq)
    assert.equal(record && textOf(record), text, `record ${seq} did not survive`)
  }
  for (const { seq, entry } of records.values()) {
    if (salvaged.records.has(seq) || entry.type === 'gap' || seq === appended) continue
    assert.ok(entry.type === 'abortTransaction' && seq > salvaged.lastSeq, `record ${seq} came from nowhere`)
  }
}

function newGaps(records: ReadonlyMap<number, WalRecord>, salvaged: Salvaged): number[] {
  const gaps = [...records.values()].flatMap(({ seq, entry }) =>
    entry.type === 'gap' && !salvaged.records.has(seq) ? [{ from: seq, through: entry.throughSeq }] : [],
  )
  return numbersIn(gaps)
}

/**
 * Every file that was found damaged is as it was, or there is a copy of what it was, as far as it
 * can be read.
 */
function checkQuarantine({ files, unreadable }: Damaged, after: Files, { damage }: Salvaged): void {
  const told = damage.filter(({ kind }) => kind !== 'torn-tail').map(({ file }) => `${DIRECTORY}/${file}`)
  const concerned = [...files.keys()].filter((path) =>
    told.some((file) => path === file || path.startsWith(`${file}/`)),
  )
  const copies = [...after].filter(([path]) => path.includes('/quarantine/')).map(([, bytes]) => bytes)
  for (const path of concerned) {
    const bytes = files.get(path)!
    const holes = unreadable.filter((place) => place.path === path).map(({ sector }) => sector)
    const hasCopy = copies.some((copy) => without(copy, holes).equals(without(bytes, holes)))
    assert.ok(after.get(path)?.equals(bytes) || hasCopy, `${path} was damaged, and no copy was kept`)
  }
}

const without = (bytes: Buffer, sectors: readonly number[]): Buffer =>
  sectors.reduce((rest, sector) => overwritten(rest, Buffer.alloc(SECTOR), sector * SECTOR), bytes)
