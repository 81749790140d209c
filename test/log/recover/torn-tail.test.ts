import assert from 'node:assert/strict'
import { cp, readFile, truncate, writeFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  alter,
  appendAll,
  brief,
  FailingDisk,
  frameOf,
  idsIn,
  insert,
  insertOf,
  names,
  openWal,
  refusal,
  segmentsIn,
  temporaryDirectory,
  until,
  Wal,
} from '../../support/kit.ts'

const RECORD_BYTES = 72
const FIRST_RECORD = 1024

/**
 * A log that was killed right after its five appends, in one group, were written: nothing in it
 * promises that they are durable.
 */
async function unpromisedLog(t: TestContext): Promise<{ directory: string; path: string; content: Buffer }> {
  const live = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory: live, disk })
  const hold = disk.hold('sync', /segment-\d+\.walv$/)
  const appends = appendAll(wal, names('id', 5))
  await hold.reached
  const directory = await temporaryDirectory(t)
  await cp(live, directory, { recursive: true })
  hold.release()
  await appends
  const [path] = await segmentsIn(directory)
  return { directory, path: path!, content: await readFile(path!) }
}

/**
 * Opens, appends one, and opens again: everything before the cut and the new record are there, for
 * good.
 */
async function survives(directory: string, whole: number, damaged: boolean): Promise<void> {
  const wal = await Wal.open({ directory })
  assert.deepEqual(await idsIn(wal), names('id', whole))
  assert.deepEqual(wal.recovery.damage.map(brief), damaged ? ['torn-tail false'] : [])
  assert.equal(wal.recovery.reproved, whole, 'nothing had promised that these are durable')
  assert.equal(await wal.append(insert('next')), whole)
  await wal.close()
  const again = await Wal.open({ directory })
  assert.deepEqual(await idsIn(again), [...names('id', whole), 'next'])
  assert.deepEqual(again.recovery.damage, [])
  await again.close()
}

test('a group that was cut short anywhere leaves the records before the cut; the rest is cut, reported and never comes back', async (t) => {
  const { directory, path, content } = await unpromisedLog(t)
  for (let bytes = 0; bytes <= 5 * RECORD_BYTES; bytes += 4) {
    const torn = Buffer.from(content).fill(0, FIRST_RECORD + bytes)
    const copy = await temporaryDirectory(t)
    await cp(directory, copy, { recursive: true })
    await writeFile(path.replace(directory, copy), torn)
    // Zeros at the end of a record are part of it: its padding may be missing and is there all the
    // same.
    const whole = Math.floor((bytes + (RECORD_BYTES - lastByteOfRecord(content))) / RECORD_BYTES)
    const left = torn.subarray(FIRST_RECORD + whole * RECORD_BYTES).some((byte) => byte !== 0)
    await survives(copy, whole, left)
  }
})

/** Bytes of a record up to its last one that is not zero. */
const lastByteOfRecord = (content: Buffer): number =>
  content.subarray(FIRST_RECORD, FIRST_RECORD + RECORD_BYTES).findLastIndex((byte) => byte !== 0) + 1

test('a sector in the middle of an unpromised group that never landed takes what is behind it with it', async (t) => {
  const { directory, path, content } = await unpromisedLog(t)
  const at = frameOf(content, 'id-1')
  await writeFile(path, Buffer.from(content).fill(0, at, at + 30))
  const wal = await openWal(t, { directory })
  assert.deepEqual(await idsIn(wal), ['id-0'])
  assert.deepEqual(wal.recovery.damage.map(brief), ['torn-tail false'])
})

test('what was cut is not seen by a reader either, and stays out when the records that were lost land later', async (t) => {
  const { directory, path, content } = await unpromisedLog(t)
  const at = frameOf(content, 'id-2')
  await writeFile(path, Buffer.from(content).fill(0, at, at + 8))
  const reader = await openWal(t, { directory, readOnly: true })
  assert.deepEqual(await idsIn(reader), ['id-0', 'id-1'])
  const wal = await Wal.open({ directory })
  await wal.append(insert('other'))
  await wal.close()
  // The old file may come back, as a whole, from a disk that was slow: the new one stands above it.
  await writeFile(path, content)
  const again = await openWal(t, { directory })
  assert.deepEqual(await idsIn(again), ['id-0', 'id-1', 'other'])
})

test('the tail is proved anew before it counts: written to a new file and synced, and only then is the old one let go of', async (t) => {
  const { directory, path } = await unpromisedLog(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory, disk })
  assert.equal(wal.recovery.reproved, 5)
  const steps = disk.calls
    .filter(
      ({ operation, path: at }) =>
        at.includes('segment-') || (operation === 'syncDirectory' && at === directory),
    )
    .map(
      ({ operation, path: at }) => `${operation} ${at.replace(`${directory}/`, '').replace(directory, '.')}`,
    )
  const order = (step: string): number => {
    assert.ok(steps.includes(step), `${step} in ${steps.join(', ')}`)
    return steps.lastIndexOf(step)
  }
  const synced = order('sync segment-0000000002.walv.tmp')
  assert.ok(steps.indexOf('sync segment-0000000001.walv') < steps.indexOf('open segment-0000000002.walv.tmp'))
  assert.ok(steps.lastIndexOf('write segment-0000000002.walv.tmp') < synced)
  assert.ok(synced < order('renameNew segment-0000000002.walv.tmp'))
  const named = steps.indexOf('syncDirectory .', order('renameNew segment-0000000002.walv.tmp'))
  assert.ok(named > 0 && named < order('remove segment-0000000001.walv'))
  assert.equal(disk.count('write', new RegExp(`${path}$`)), 0, 'nothing is written to the old file')
})

test('an open that fails while the tail is proved changes nothing, and can be tried again', async (t) => {
  const { directory } = await unpromisedLog(t)
  const faults = [
    { operation: 'sync', path: /segment-0000000001\.walv$/ },
    { operation: 'open', path: /segment-0000000002/ },
    { operation: 'write', path: /segment-0000000002/ },
    { operation: 'sync', path: /segment-0000000002/ },
    { operation: 'renameNew', path: /segment-0000000002/ },
    { operation: 'syncDirectory', path: /^/ },
  ] as const
  for (const fault of faults) {
    for (const code of ['EIO', 'ENOSPC']) {
      const disk = new FailingDisk()
      disk.fail({ ...fault, code })
      await assert.rejects(
        Wal.open({ directory, disk }),
        refusal(code === 'EIO' ? 'WALV_IO' : 'WALV_DISK_FULL'),
      )
    }
  }
  const wal = await openWal(t, { directory })
  assert.deepEqual([await idsIn(wal), wal.recovery.reproved], [names('id', 5), 5])
})

test('records that a later group promised are no torn tail when they are gone', async (t) => {
  const live = await temporaryDirectory(t)
  const wal = await openWal(t, { directory: live })
  for (const id of names('id', 5)) await wal.append(insert(id))
  const directory = await temporaryDirectory(t)
  await cp(live, directory, { recursive: true })
  // Each record promises those before it; the last one is promised by nothing.
  await alter((await segmentsIn(directory))[0]!, (content) =>
    content.fill(0, frameOf(content, 'id-3'), frameOf(content, 'id-4')),
  )
  await assert.rejects(Wal.open({ directory }), refusal('WALV_DAMAGED'))
})

test('zeros in the place of promised records at the end of the log are damage, not the end', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await appendAll(wal, names('id', 5))
  await wal.close()
  // Opening again begins a new segment, whose header promises all five.
  await (await openWal(t, { directory })).close()
  const [path, ...others] = await segmentsIn(directory)
  assert.deepEqual(others, [])
  await alter(path!, (content) => content.fill(0, frameOf(content, 'id-3')))
  await assert.rejects(Wal.open({ directory }), refusal('WALV_DAMAGED'))
  const salvage = await openWal(t, { directory, readOnly: true, recovery: 'salvage' })
  assert.deepEqual(salvage.recovery.damage.map(brief), ['corrupt 3..4 true'])
})

test('an idle log promises its last records, so that their loss is told', async (t) => {
  const live = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory: live, disk })
  await appendAll(wal, names('id', 5))
  const syncs = disk.count('sync')
  await until(() => disk.count('sync') > syncs)
  await delay(20)
  const directory = await temporaryDirectory(t)
  await cp(live, directory, { recursive: true })
  await alter((await segmentsIn(directory))[0]!, (content) =>
    content.fill(0, frameOf(content, 'id-3'), frameOf(content, 'id-4') + RECORD_BYTES),
  )
  await assert.rejects(Wal.open({ directory }), refusal('WALV_DAMAGED'))
})

test('a segment that was begun and holds nothing yet, or that was cut in its first group, is the end of the log', async (t) => {
  const live = await temporaryDirectory(t)
  const wal = await openWal(t, { directory: live })
  await wal.append(insertOf('fills-the-first', 240 * 1024))
  const appends = names('id', 3).map((id) => insertOf(id, 60 * 1024))
  for (const entry of appends) await wal.append(entry)
  await wal.close()
  const [, second] = await segmentsIn(live)
  const content = await readFile(second!)
  for (const left of [0, 100, 512, 700, 1024, 1030, 1064, 30_000]) {
    const directory = await temporaryDirectory(t)
    await cp(live, directory, { recursive: true })
    await writeFile((await segmentsIn(directory))[1]!, Buffer.from(content).fill(0, left))
    const again = await Wal.open({ directory })
    assert.deepEqual(await idsIn(again), ['fills-the-first'], `${left} bytes left`)
    assert.deepEqual(
      again.recovery.damage.filter(({ kind }) => kind !== 'torn-tail'),
      [],
    )
    await again.close()
  }
})

test('a file that was cut where nothing promised more is opened, and the cut is told', async (t) => {
  const { directory, path } = await unpromisedLog(t)
  await truncate(path, FIRST_RECORD + 2 * RECORD_BYTES + 10)
  // What stood there may have been acknowledged: nothing can tell.
  await assert.rejects(Wal.open({ directory }), refusal('WALV_DAMAGED'))
  const wal = await openWal(t, { directory, recovery: 'salvage' })
  assert.deepEqual(await idsIn(wal), ['id-0', 'id-1'])
  assert.deepEqual(wal.recovery.damage.map(brief), ['truncated null'])
})
