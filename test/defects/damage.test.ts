/**
 * Defects of the original around damaged files. The numbers are those of the list of its defects.
 */
import assert from 'node:assert/strict'
import { appendFile, readdir, readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { test } from 'node:test'
import { decodeSegmentHeader, encodeSegmentHeader } from '../../src/format/segment.ts'
import { recoverV1 } from '../../src/v1/mod.ts'
import {
  alter,
  brief,
  collect,
  type Damage,
  frameOf,
  idsIn,
  idsOf,
  insert,
  insertOf,
  names,
  openWal,
  refusal,
  segmentsIn,
  temporaryDirectory,
  Wal,
  type WalError,
  writeLog,
} from '../support/kit.ts'
import { memoryDisk } from '../support/memory-disk.ts'
import { collect as collectV1, files, segment, seqs } from '../v1/helpers.ts'
import { MemoryDisk } from '../v1/memory-disk.ts'

/** Five inserts, closed in order, one byte of the third's vector changed. */
async function damagedLog(directory: string): Promise<string> {
  await writeLog(directory, names('id', 5))
  const [path] = await segmentsIn(directory)
  await alter(path!, (content) => {
    content[frameOf(content, 'id-2') + 52]! ^= 0xff
    return content
  })
  return basename(path!)
}

test('defect 9: a damaged record is refused and named by default', async (t) => {
  const directory = await temporaryDirectory(t)
  const file = await damagedLog(directory)
  const before = await readdir(directory)
  await assert.rejects(openWal(t, { directory }), (error: WalError) => {
    assert.deepEqual((error.detail as Damage[]).map(brief), ['corrupt 2..2 true'])
    assert.deepEqual((error.detail as Damage[])[0]!.ids, ['id-2'])
    assert.deepEqual([error.file, error.offset], [file, 1024 + 2 * 72])
    assert.match(error.message, /acknowledged record 2 is lost .*"id-2"/)
    return refusal('WALV_DAMAGED')(error)
  })
  assert.deepEqual(await readdir(directory), before, 'nothing was changed')
})

test("defect 9: with 'salvage' a damaged record is reported and the others come back", async (t) => {
  const directory = await temporaryDirectory(t)
  await damagedLog(directory)
  const wal = await openWal(t, { directory, recovery: 'salvage' })
  assert.deepEqual(
    (await idsIn(wal)).filter((id) => id !== 'gap'),
    ['id-0', 'id-1', 'id-3', 'id-4'],
  )
  assert.deepEqual(wal.recovery.damage.map(brief), ['corrupt 2..2 true'])
  assert.equal(await wal.append(insert('next')), 5)
})

test("defect 9: with 'repair' a damaged record is reported, its file kept in quarantine, and the log clean", async (t) => {
  const directory = await temporaryDirectory(t)
  const file = await damagedLog(directory)
  const content = await readFile((await segmentsIn(directory))[0]!)
  const wal = await openWal(t, { directory, recovery: 'repair' })
  assert.deepEqual(wal.recovery.damage.map(brief), ['corrupt 2..2 true'])
  assert.deepEqual(wal.recovery.quarantined, [`${directory}/quarantine/${file}`])
  assert.ok(content.equals(await readFile(wal.recovery.quarantined[0]!)))
  await wal.close()
  const again = await openWal(t, { directory })
  assert.deepEqual(await idsIn(again), ['id-0', 'id-1', 'gap', 'id-3', 'id-4'])
  assert.deepEqual(again.recovery.gaps, [{ from: 2, through: 2 }])
  assert.deepEqual(again.recovery.damage, [])
})

test('defect 9, v1: a record that does not decode is refused by default, and named', async () => {
  const log = segment(0, 1, 2, 3, 4)
  const at = 16 + 2 * ((log.length - 16) / 5) + 12
  log[at] = 200
  const disk = MemoryDisk.of(files(log))
  await assert.rejects(collectV1(recoverV1(disk, '/log')), (error: WalError) => {
    assert.deepEqual((error.detail as Damage[]).map(brief), ['corrupt 2..2 null'])
    return refusal('WALV_DAMAGED')(error)
  })
  const found = await collectV1(recoverV1(disk, '/log', { policy: 'salvage' }))
  assert.deepEqual(seqs(found), [0, 1, 3, 4])
})

/**
 * What an open finds, as far as it decides whether an altered log was told apart from a whole one.
 */
async function findings(
  directory: string,
  content: Buffer,
): Promise<{ records: string[]; damage: readonly Damage[] }> {
  const disk = memoryDisk({ 'segment-0000000001.walv': content })
  const wal = await Wal.open({ directory, disk, readOnly: true, recovery: 'salvage' })
  const records = (await collect(wal.read())).map((record) => JSON.stringify(record))
  return { records, damage: wal.recovery.damage }
}

/**
 * A log of five inserts, closed in order: its segment, and the same with a capacity of 4 KiB, which
 * is read faster.
 */
async function fiveInserts(directory: string): Promise<{ content: Buffer; short: Buffer; used: number }> {
  await writeLog(directory, names('id', 5))
  const content = await readFile((await segmentsIn(directory))[0]!)
  const reading = decodeSegmentHeader(content.subarray(0, 512))
  assert.equal(reading.state, 'valid')
  const short = Buffer.from(content.subarray(0, 4096))
  encodeSegmentHeader({ ...reading.header, capacity: short.length }).copy(short)
  return { content, short, used: content.findLastIndex((byte) => byte !== 0) + 1 }
}

/**
 * Behind the last record there are promises in sectors of their own, the padding before them, and
 * zeros: no record is at stake there.
 */
const RECORDS_END = 1024 + 5 * 72

/**
 * A flip alters no entry that is returned. In the header or a record it is noticed, and every entry
 * that is not returned is named as lost; behind the records it takes none.
 */
async function checkFlip(
  directory: string,
  content: Buffer,
  whole: readonly string[],
  bit: number,
): Promise<void> {
  const altered = Buffer.from(content)
  altered[bit >> 3]! ^= 1 << (bit & 7)
  const { records, damage } = await findings(directory, altered)
  const what = `bit ${bit & 7} of byte ${bit >> 3}`
  assert.ok(
    records.every((record) => whole.includes(record)),
    `${what} alters nothing`,
  )
  if (bit < RECORDS_END * 8) assert.ok(damage.length > 0, `${what} is noticed`)
  else assert.equal(records.length, whole.length, `${what} takes no record`)
  const lost = damage.flatMap(({ acknowledged, seqs }) => (acknowledged === true ? seqs : []))
  for (const [seq, record] of whole.entries()) {
    const isNamed = lost.some(({ from, through }) => seq >= from && seq <= through!)
    assert.ok(
      records.includes(record) !== isNamed,
      `${what}: record ${seq} is returned, or else named as lost`,
    )
  }
}

test('defect 10: of every single bit flipped in a log of five inserts, none alters an entry, and none that matters goes unnoticed', async (t) => {
  const directory = await temporaryDirectory(t)
  const { content, short, used } = await fiveInserts(directory)
  assert.ok(used > RECORDS_END && used + 256 < short.length)
  const { records, damage } = await findings(directory, short)
  assert.deepEqual([records.length, damage], [5, []])
  await inParallel((used + 256) * 8, (bit) => checkFlip(directory, short, records, bit))
  // Far behind the end of the log too, where there are zeros of which the log says nothing.
  const spare = (content.length - used) * 8
  await inParallel(200, (index) =>
    checkFlip(directory, content, records, used * 8 + Math.floor((index * spare) / 200)),
  )
})

async function inParallel(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: 256 }, worker))
}

test('defect 10, v1: of every single bit flipped in a log of five inserts, none crashes or bloats the reader', async () => {
  const log = segment(0, 1, 2, 3, 4)
  for (let bit = 0; bit < log.length * 8; bit++) {
    const altered = Buffer.from(log)
    altered[bit >> 3]! ^= 1 << (bit & 7)
    const disk = memoryDisk(files(altered))
    const { records, damages } = await collectV1(recoverV1(disk, '/log', { policy: 'salvage' }))
    assert.ok(records.length === 5 || damages.length > 0)
  }
})

test('defect 19: a flipped bit in a sequence number is damage, and numbering goes on where it was', async (t) => {
  const directory = await temporaryDirectory(t)
  for (const bit of [0, 1, 30, 62]) {
    const log = `${directory}/${bit}`
    await writeLog(log, names('id', 5))
    await alter((await segmentsIn(log))[0]!, (content) => {
      content[frameOf(content, 'id-4') + 8 + (bit >> 3)]! ^= 1 << (bit & 7)
      return content
    })
    await assert.rejects(openWal(t, { directory: log }), (error: WalError) => {
      assert.deepEqual((error.detail as Damage[]).map(brief), ['corrupt 4..4 true'])
      return refusal('WALV_DAMAGED')(error)
    })
    const wal = await openWal(t, { directory: log, recovery: 'salvage' })
    assert.equal(await wal.append(insert('next')), 5)
    await wal.close()
    const found = (await idsOf(log, { recovery: 'salvage' })).filter((id) => id !== 'gap')
    assert.deepEqual(found, ['id-0', 'id-1', 'id-2', 'id-3', 'next'])
  }
})

test('defect 22: 30 bytes cut from the middle of three files are named, with every record that is lost', async (t) => {
  const directory = await temporaryDirectory(t)
  const ids = names('id', 9)
  const wal = await openWal(t, { directory, segmentMaxBytes: 256 * 1024 })
  // Three to a file.
  for (const id of ids) await wal.append(insertOf(id, 80_000))
  await wal.close()
  const paths = await segmentsIn(directory)
  assert.equal(paths.length, 3)
  for (const [index, path] of paths.entries()) {
    const middle = ids[3 * index + 1]!
    await alter(path, (content) => {
      const at = frameOf(content, middle, 20_000) + 40_000
      return Buffer.concat([content.subarray(0, at), content.subarray(at + 30)])
    })
  }
  await assert.rejects(openWal(t, { directory }), refusal('WALV_DAMAGED'))
  const salvage = await openWal(t, { directory, readOnly: true, recovery: 'salvage' })
  const left = new Set(await idsIn(salvage))
  assert.ok(left.has('id-0') && left.has('id-3') && left.has('id-6'))
  const { damage } = salvage.recovery
  const named = damage.flatMap(({ seqs }) => seqs)
  for (const [seq, id] of ids.slice(0, 7).entries()) {
    const isNamed = named.some(({ from, through }) => seq >= from && seq <= through!)
    assert.equal(isNamed, !left.has(id), id)
  }
  // In the last file no promise stands behind the cut, so how much is lost there cannot be known:
  // that is told.
  const last = damage.filter(({ file }) => file === basename(paths[2]!))
  assert.deepEqual(last.map(brief), ['torn-tail false', 'truncated null'])
})

test('defect 22, v1: 30 bytes cut from the middle of three files are refused, with every place', async () => {
  const logs = [segment(0, 1, 2), segment(3, 4, 5), segment(6, 7, 8)].map((log) => {
    const at = 16 + (log.length - 16) / 3 + 6
    return Buffer.concat([log.subarray(0, at), log.subarray(at + 30)])
  })
  const disk = MemoryDisk.of(files(...logs))
  await assert.rejects(collectV1(recoverV1(disk, '/log')), refusal('WALV_DAMAGED'))
  const found = await collectV1(recoverV1(disk, '/log', { policy: 'salvage' }))
  assert.equal(new Set(found.damages.map(({ file }) => file)).size, 3)
  assert.deepEqual(
    [0, 3, 6].filter((seq) => !seqs(found).includes(seq)),
    [],
  )
})

test('defect 25: 100 MB of zeros behind five records are the end of the log, and no damage', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, names('id', 5))
  const [path] = await segmentsIn(directory)
  const zeros = Buffer.alloc(10_000_000)
  for (let time = 0; time < 10; time++) await appendFile(path!, zeros)
  const started = performance.now()
  const wal = await openWal(t, { directory })
  assert.ok(performance.now() - started < 5_000)
  assert.deepEqual(wal.recovery.damage, [])
  assert.deepEqual(await idsIn(wal), names('id', 5))
})

test('defect 25, v1: 100 MB of zeros behind five records are one finding', async () => {
  const disk = MemoryDisk.of(files(Buffer.concat([segment(0, 1, 2, 3, 4), Buffer.alloc(100_000_000)])))
  const started = performance.now()
  const found = await collectV1(recoverV1(disk, '/log'))
  assert.ok(performance.now() - started < 5_000)
  assert.deepEqual(seqs(found), [0, 1, 2, 3, 4])
  assert.deepEqual(
    found.damages.map(({ kind }) => kind),
    ['torn-tail'],
  )
})
