import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { test } from 'node:test'
import {
  alterOn,
  brief,
  crafted,
  DIRECTORY,
  idsIn,
  openOn,
  pictureOf,
  putFile,
  refusal,
  SimulatedDisk,
  START,
  segmentAt,
  segmentOf,
  WalError,
  watermarkOf,
} from '../../support/kit.ts'
import { deletion, segmentsOn } from './opened-segments.ts'

test('a second writer is refused with who has the log, in words and as it stands', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { clock: () => START })
  await assert.rejects(openOn(disk), (error: WalError) => {
    const owner = { pid: process.pid, host: hostname(), startedAt: new Date(START).toISOString() }
    assert.equal(error.detail, JSON.stringify(owner))
    assert.equal(error.file, `${DIRECTORY}/LOCK`)
    assert.equal(
      error.message,
      `The log in /data/log is open for writing in process ${process.pid} on ${hostname()} since ${owner.startedAt}, this very process. Another part of the program, or an earlier copy of this module that a development server has replaced, has not closed it: share one log, for example through globalThis, or close it first, or open it here with readOnly.`,
    )
    return refusal('WALV_LOCKED')(error)
  })
  await wal.close()
  await disk.lock(`${DIRECTORY}/LOCK`, 'not JSON')
  await assert.rejects(openOn(disk), {
    code: 'WALV_LOCKED',
    detail: 'not JSON',
    message:
      'The log in /data/log is open for writing in another process. Close it there, or open it here with readOnly.',
  })
})

test('a lock that cannot be taken is refused in words', async () => {
  const disk = new SimulatedDisk()
  disk.onOperation = ({ kind }) => (kind === 'lock' ? { code: 'EACCES' } : undefined)
  await assert.rejects(openOn(disk), { code: 'WALV_PERMISSION', file: DIRECTORY })
})

test('an open that fails, at whatever operation, gives the lock back, and the next one finds everything', async () => {
  const prepared = await crafted((seed) => [deletion(0, seed), deletion(1, seed), watermarkOf(2, seed)])
  await putFile(prepared, `${segmentAt(5)}.tmp`, Buffer.from('left'))
  const probe = prepared.kill()
  await openOn(probe)
  for (const { number, kind } of probe.ops) {
    const disk = prepared.kill()
    disk.onOperation = (operation) => (operation.number === number ? { code: 'EMFILE' } : undefined)
    const first = await openOn(disk).then(
      (wal) => wal.close(),
      (error) => assert.ok(error instanceof WalError, `${kind}: ${error}`),
    )
    assert.equal(first, undefined)
    disk.onOperation = undefined
    const again = await openOn(disk)
    assert.deepEqual(await idsIn(again), ['id-0', 'id-1'])
    await again.close()
  }
})

test('an abort ends opening with an error of its own, before or while it reads', async () => {
  const disk = await crafted((seed) => [deletion(0, seed)])
  const before = await pictureOf(disk)
  const check = (error: WalError): boolean => {
    assert.equal(error.message, 'Opening the log was aborted. Nothing that it held is lost.')
    assert.equal((error.cause as Error).message, 'enough')
    return refusal('WALV_ABORTED')(error)
  }
  await assert.rejects(openOn(disk, { signal: AbortSignal.abort(new Error('enough')) }), check)
  assert.deepEqual(await pictureOf(disk), before)
  for (const readOnly of [false, true]) {
    const controller = new AbortController()
    disk.onOperation = ({ kind, path }) => {
      if (kind === 'open' && path === segmentAt(1)) controller.abort(new Error('enough'))
      return undefined
    }
    await assert.rejects(openOn(disk, { signal: controller.signal, readOnly }), check)
    disk.onOperation = undefined
  }
  assert.deepEqual(await segmentsOn(disk), ['segment-0000000001.walv'])
  await (await openOn(disk)).close()
})

test('a log without a valid header is refused by every writer, and one that is nothing but zeros too', async () => {
  for (const content of [Buffer.alloc(4096, 7), Buffer.alloc(4096)]) {
    for (const recovery of ['strict', 'salvage', 'repair'] as const) {
      const disk = new SimulatedDisk()
      await putFile(disk, segmentAt(1), content)
      const before = await pictureOf(disk)
      await assert.rejects(openOn(disk, { recovery }), (error: WalError) => {
        if (recovery !== 'strict') {
          assert.equal(error.file, DIRECTORY)
          assert.equal(
            error.message,
            'No segment in /data/log has a valid header, or none is there, so that nothing can be read. Nothing was changed. Restore a backup, or move the files away to start anew.',
          )
        }
        return refusal('WALV_DAMAGED')(error)
      })
      assert.deepEqual(
        (await pictureOf(disk)).filter(([path]) => !path.endsWith('LOCK')),
        before,
      )
    }
  }
})

test("a last file that was cut is refused by 'strict', and gone on behind by 'salvage' and 'repair'", async () => {
  for (const recovery of ['strict', 'salvage', 'repair'] as const) {
    const disk = await crafted((seed) => [deletion(0, seed)])
    await alterOn(disk, segmentAt(1), (content) => content.subarray(0, 2048))
    if (recovery === 'strict') {
      await assert.rejects(openOn(disk), refusal('WALV_DAMAGED'))
      continue
    }
    const wal = await openOn(disk, { recovery })
    assert.deepEqual([wal.recovery.damage.map(brief), await idsIn(wal)], [['truncated null'], ['id-0']])
    await wal.close()
  }
})

test('segments of two logs are refused by every writer, and the error tells which is foreign', async () => {
  const disk = await crafted((seed) => [deletion(0, seed), watermarkOf(1, seed)])
  await putFile(disk, segmentAt(2), segmentOf({ number: 2, logId: Buffer.alloc(16, 9) }))
  for (const recovery of ['salvage', 'repair'] as const)
    await assert.rejects(openOn(disk, { recovery }), {
      code: 'WALV_FOREIGN_LOG',
      file: 'segment-0000000002.walv',
      message:
        '/data/log holds what may be of another log: segment-0000000002.walv belongs to another log. Move it out of this directory. Nothing was changed.',
    })
  const reader = await openOn(disk, { readOnly: true, recovery: 'salvage' })
  assert.deepEqual(await idsIn(reader), ['id-0'])
})

test('the lock is free once closing has ended, also where the disk does not like it', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  disk.onOperation = ({ kind }) => (kind === 'unlock' ? { code: 'EIO', applied: true } : undefined)
  await wal.close()
  disk.onOperation = undefined
  await (await openOn(disk)).close()
})

test('an opening that fails late has stopped before it gives the lock back: no file is open, and nothing is written later', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.begin().insert('open', [1])
  await wal.flush()
  const left = disk.kill()
  left.onOperation = ({ kind, path }) =>
    kind === 'list' && path.endsWith('/snapshots') ? { code: 'EIO' } : undefined
  await assert.rejects(openOn(left), { code: 'WALV_IO' })
  const kinds = left.ops.map(({ kind }) => kind)
  const count = (...of: string[]): number => kinds.filter((kind) => of.includes(kind)).length
  assert.equal(count('open', 'create'), count('close'))
  assert.equal(kinds.at(-1), 'unlock')
  left.onOperation = undefined
  const again = await openOn(left)
  assert.deepEqual(again.recovery.damage, [])
  await again.close()
})
