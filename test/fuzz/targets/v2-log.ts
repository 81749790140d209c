import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Damage, WalRecord } from '../../../src/entry.ts'
import type { WalErrorCode } from '../../../src/errors.ts'
import { scanLog, Wal } from '../../../src/mod.ts'
import { collect } from '../../support/logs.ts'
import { fileParts, type InputFile, mutateFiles, unpack } from '../files.ts'
import { MeteredDisk } from '../metered-disk.ts'
import { mutateSegment } from '../mutate-segment.ts'
import { textOf } from '../record-text.ts'
import { seedLogs } from '../seed-logs.ts'
import { sealSegment } from '../segments.ts'
import { orCode, type Target, Words } from '../target.ts'

const DIRECTORY = '/log'
const HEADER_BYTES = 1024
const SNAPSHOT_PIECE_BYTES = 1024 * 1024
/**
 * To see where the log ends, all files are gone over up to three times; in each, one without a
 * header up to twice.
 */
const LOOK_TIMES = 3 * 2
const SCAN_TIMES = LOOK_TIMES + 1
/** Beside a live writer one look is not enough; then the log is read, and replayed. */
const OPEN_TIMES = 2 * LOOK_TIMES + 2

const NO_LOG: readonly WalErrorCode[] = [
  'WALV_V1_DIRECTORY',
  'WALV_UNSUPPORTED_VERSION',
  'WALV_UNSUPPORTED_FEATURE',
]

/** A directory of segments and snapshots, read in every way that writes nothing. */
export const v2Log: Target = {
  name: 'v2-log',
  seeds: seedLogs,
  mutate: (random, input, other) => mutateFiles(random, input, other, mutateSegment),
  parts: fileParts,
  async run(input) {
    const words = new Words()
    const disk = new MeteredDisk(logFiles(input).map(({ name, bytes }) => [join(DIRECTORY, name), bytes]))
    const scanned = await scan(disk, words)
    checkMeter(disk, SCAN_TIMES)
    const salvaged = await open(disk, 'salvage', words)
    const strict = await open(disk, 'strict', words)
    checkMeter(disk, SCAN_TIMES + 2 * OPEN_TIMES)
    assert.equal(salvaged === undefined, scanned === undefined, 'what can be scanned can be salvaged')
    if (strict)
      assert.deepEqual(strict, salvaged, 'a log that is opened without a complaint is salvaged as it is')
    for (const [seq, record] of salvaged ?? [])
      assert.equal(record, scanned?.get(seq), `record ${seq} is scanned otherwise`)
    return words
  },
}

/** The files of an input, sealed where they are to be. */
export const logFiles = (input: Uint8Array): InputFile[] =>
  unpack(input).map((file) =>
    file.sealed && file.name.endsWith('.walv') ? { ...file, bytes: sealSegment(file.bytes) } : file,
  )

/** Records as texts, by number. */
type Records = ReadonlyMap<number, string>

async function scan(disk: MeteredDisk, words: Words): Promise<Records | undefined> {
  const items = await orCode(NO_LOG, () => collect(scanLog({ directory: DIRECTORY, disk })))
  if (typeof items === 'string') {
    words.add('scan', items)
    return undefined
  }
  for (const item of items) if ('damage' in item) noteDamage(item.damage, words)
  return recordsOf(
    items.flatMap((item) => ('record' in item ? [item.record] : [])),
    words,
  )
}

async function open(
  disk: MeteredDisk,
  recovery: 'strict' | 'salvage',
  words: Words,
): Promise<Records | undefined> {
  const refusals: readonly WalErrorCode[] = recovery === 'strict' ? ['WALV_DAMAGED', ...NO_LOG] : NO_LOG
  const wal = await orCode(refusals, () => Wal.open({ directory: DIRECTORY, disk, readOnly: true, recovery }))
  if (typeof wal === 'string') {
    words.add(recovery, wal)
    return undefined
  }
  const { transactions, snapshotSeq, gaps, damage } = wal.recovery
  words.add(
    recovery,
    damage.length > 0,
    transactions.inDoubt.length > 0,
    snapshotSeq === undefined,
    gaps.length > 0,
  )
  const records = await orCode(['WALV_DAMAGED'], () => collect(wal.read()))
  const units = await orCode(['WALV_DAMAGED'], () => collect(wal.replay()))
  words.add(recovery, typeof records === 'string', typeof units === 'string' ? units : units.length > 0)
  assert.ok(wal.stats().lastSeq >= wal.durableSeq)
  await wal.close()
  return typeof records === 'string' ? undefined : recordsOf(records, words)
}

function recordsOf(records: readonly WalRecord[], words: Words): Records {
  const found = new Map<number, string>()
  let last = -1
  for (const record of records) {
    const { seq, entry, transactionId } = record
    assert.ok(Number.isSafeInteger(seq) && seq > last, `record ${seq} behind record ${last}`)
    found.set(seq, textOf(record))
    words.add(entry.type, transactionId === undefined, 'metadata' in entry, 'replace' in entry)
    last = seq
  }
  return found
}

/** A damage is within its file, and says in order what it has lost. */
function noteDamage({ kind, offset, bytes, acknowledged, seqs, ids, detail }: Damage, words: Words): void {
  assert.ok(offset >= 0 && bytes >= 0 && detail.length > 0, JSON.stringify({ kind, offset, bytes }))
  for (const { from, through } of seqs)
    assert.ok(through === null || from <= through, `${from} to ${through} are lost`)
  words.add(kind, acknowledged, seqs.length > 0, ids.length > 0, detail)
}

/**
 * Nothing was written, everything is closed, and so much is read as the files are large, so many
 * times.
 */
function checkMeter(disk: MeteredDisk, times: number): void {
  assert.equal(disk.refused, 0, 'something was to be written')
  assert.equal(disk.openFiles, 0, 'files are left open')
  assert.ok(
    disk.largestExcess <= SNAPSHOT_PIECE_BYTES,
    `${disk.largestExcess} bytes more than a file has were asked for`,
  )
  const most = times * (disk.totalBytes + disk.count * HEADER_BYTES)
  assert.ok(disk.bytesRead <= most, `${disk.bytesRead} bytes were read of ${disk.totalBytes}`)
}
