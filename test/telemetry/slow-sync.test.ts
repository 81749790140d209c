import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { WalSettings } from '../../src/log/options.ts'
import { SyncTimes } from '../../src/log/write/sync-times.ts'
import {
  closing,
  DIRECTORY,
  insert,
  openOn,
  SimulatedDisk,
  type SlowSyncMessage,
  until,
  type Wal,
} from '../support/kit.ts'
import { heard } from './heard.ts'

interface SlowSyncWarning extends Error {
  readonly code: string
}

/** The warnings of this kind until the end of the test. They come a turn after their cause. */
function warnings(t: TestContext): SlowSyncWarning[] {
  const warned: SlowSyncWarning[] = []
  const listener = (warning: Error): void => {
    if ((warning as SlowSyncWarning).code === 'WALV_SLOW_SYNC') warned.push(warning as SlowSyncWarning)
  }
  process.on('warning', listener)
  t.after(() => process.off('warning', listener))
  return warned
}

/** A log on a disk whose every operation takes up to so many turns of the event loop. */
const slowLog = async (t: TestContext, maxLatencyTurns: number, slowSyncMs?: number): Promise<Wal> => {
  const disk = new SimulatedDisk({ maxLatencyTurns })
  return closing(t, await openOn(disk, slowSyncMs === undefined ? {} : { slowSyncMs }))
}

test('the first slow sync of an open log is warned about, with numbers; the channel tells every one', async (t) => {
  const warned = warnings(t)
  const told = heard<SlowSyncMessage>(t, 'walv:slow-sync', DIRECTORY)
  const wal = await slowLog(t, 2500, 1)
  while (told.length < 3) await wal.append(insert(`${wal.lastSeq}`))
  await until(() => warned.length > 0)
  await new Promise(setImmediate)
  assert.equal(warned.length, 1)
  const { message, name } = warned[0]!
  assert.equal(name, 'WalvWarning')
  const { file, durationMs, slowSyncMs } = told[0]!
  assert.equal(slowSyncMs, 1)
  assert.ok(durationMs >= 1 && told.every((each) => each.durationMs >= 1))
  assert.ok(
    message.startsWith(`A sync of ${file} took ${Math.round(durationMs)} ms (slowSyncMs is 1;`),
    message,
  )
  assert.match(message, /the first of this log|the median of those before is \d+\.\d ms/)
  const { medianMs } = told[2]!
  assert.ok(medianMs !== undefined && medianMs > 0)

  const other = await slowLog(t, 2500, 1)
  const before = told.length
  while (told.length === before) await other.append(insert(`${other.lastSeq}`))
  await until(() => warned.length > 1)
  assert.equal(warned.length, 2, 'another open log warns for itself')
})

test('the warning says what is usual, where anything was synced before', async (t) => {
  const warned = warnings(t)
  for (const before of [[], [3, 4, 5]]) {
    const times = new SyncTimes({
      directory: DIRECTORY,
      slowSyncMs: 1000,
      durability: 'commit',
    } as WalSettings)
    for (const durationMs of [...before, 1000]) times.note('file', durationMs)
  }
  await until(() => warned.length > 1)
  const [first, later] = warned.map(({ message }) => message)
  const text = (usual: string): string =>
    `A sync of file took 1000 ms (slowSyncMs is 1000; ${usual}). Appends wait for it. ` +
    'Is the disk busy, failing, throttled or a network file system (iostat, dmesg, SMART)? Put the log on a local disk of its own. ' +
    'Was the event loop blocked for as long? Then it is that. This is said once per open log; wal.health() and the channel walv:slow-sync tell of the rest.'
  assert.equal(first, text('the first of this log'))
  assert.equal(later, text('the median of those before is 4.0 ms'))
})

test('a sync below the threshold is not warned about', async (t) => {
  const warned = warnings(t)
  const told = heard<SlowSyncMessage>(t, 'walv:slow-sync', DIRECTORY)
  const wal = await slowLog(t, 0)
  for (let count = 0; count < 20; count++) await wal.append(insert(`${count}`))
  await new Promise(setImmediate)
  assert.equal(wal.stats().syncs, 20)
  assert.deepEqual([warned, told], [[], []])
})

test('where appends wait for no sync, a slow one is not warned about', async (t) => {
  const warned = warnings(t)
  const told = heard<SlowSyncMessage>(t, 'walv:slow-sync', DIRECTORY)
  for (const durability of ['os', { intervalMs: 1000 }] as const) {
    const times = new SyncTimes({ directory: DIRECTORY, slowSyncMs: 1, durability } as WalSettings)
    times.note('file', 5000)
  }
  await new Promise(setImmediate)
  assert.deepEqual([warned, told], [[], []])
})

test('the median is of the last 128 syncs', () => {
  const times = new SyncTimes({ directory: DIRECTORY, slowSyncMs: 1e9 } as WalSettings)
  assert.equal(times.medianMs, undefined)
  for (const durationMs of [9, 1, 5]) times.note('file', durationMs)
  assert.deepEqual([times.medianMs, times.count, times.lastMs], [5, 3, 5])
  for (let count = 0; count < 128; count++) times.note('file', 2)
  assert.deepEqual([times.medianMs, times.count], [2, 131])
  for (let count = 0; count < 70; count++) times.note('file', 7)
  assert.equal(times.medianMs, 7)
})
