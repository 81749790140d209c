import assert from 'node:assert/strict'
import { statfs } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { judgeHealth, thresholdsOf, type Vitals } from '../../src/log/health.ts'
import {
  appendAll,
  closing,
  DIRECTORY,
  DurableIndex,
  FailingDisk,
  flat,
  type Health,
  type HealthCheck,
  type HealthOptions,
  insert,
  names,
  openIndex,
  openWal,
  refusal,
  SimulatedDisk,
  temporaryDirectory,
  until,
  Wal,
  type WalError,
} from '../support/kit.ts'

const SEGMENT = /segment-\d+\.walv$/
const HOUR_MS = 3_600_000
const MIB = 1024 * 1024

const checkOf = ({ checks }: Health, name: HealthCheck['name']): HealthCheck =>
  checks.find((check) => check.name === name)!

/** A log on a simulated disk, under a clock that the test sets. */
async function clockedLog(t: TestContext, quotaBytes?: number) {
  const disk = new SimulatedDisk(quotaBytes === undefined ? {} : { quotaBytes })
  const time = { now: 0 }
  const wal = closing(t, await Wal.open({ directory: DIRECTORY, disk, clock: () => time.now }))
  t.after(() => wal.close().catch(() => {}))
  return { wal, disk, time }
}

test('a log that is well is ok in every check', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await wal.append(insert('a'))
  const health = await wal.health({
    diskFreeWarnBytes: 0,
    diskFreeFailBytes: 0,
    syncWarnMs: 60_000,
    syncFailMs: 60_000,
  })
  assert.equal(health.level, 'ok')
  assert.deepEqual(
    health.checks.map(({ name, level, unit }) => [name, level, unit]),
    [
      ['poison', 'ok', null],
      ['size', 'ok', 'bytes'],
      ['sync-latency', 'ok', 'ms'],
      ['checkpoint-age', 'ok', 'ms'],
      ['disk-space', 'ok', 'bytes'],
      ['open-transactions', 'ok', 'ms'],
      ['cursors', 'ok', 'bytes'],
    ],
  )
  assert.equal(checkOf(health, 'size').value, wal.stats().bytes)
  assert.equal(checkOf(health, 'sync-latency').value, wal.stats().medianSyncMs)
  const { bavail, bsize } = await statfs(directory)
  assert.ok(Math.abs(checkOf(health, 'disk-space').value! - bavail * bsize) < 1024 * MIB)
})

/** From where on each check warns and fails, with the value that it has in the test. */
const THRESHOLDS: readonly [HealthCheck['name'], keyof HealthOptions, keyof HealthOptions, RegExp][] = [
  ['size', 'sizeWarnBytes', 'sizeFailBytes', /^The segments in \/data\/log have 0 MiB\. .*Take checkpoints/],
  [
    'sync-latency',
    'syncWarnMs',
    'syncFailMs',
    /^The median of the last syncs is \d+\.\d ms\. .*Is the disk busy/,
  ],
  [
    'checkpoint-age',
    'checkpointAgeWarnMs',
    'checkpointAgeFailMs',
    /^There is no checkpoint, .* 2\.0 h; 5 records .*Call/,
  ],
]

for (const [name, warn, fail, message] of THRESHOLDS) {
  test(`${name} is ok up to ${warn}, a warning behind it, and a failure behind ${fail}`, async (t) => {
    const { wal, time } = await clockedLog(t)
    await appendAll(wal, names('id', 5))
    time.now = 2 * HOUR_MS
    const options = { checkpointMinEntries: 5, syncWarnMs: 60_000, syncFailMs: 60_000 }
    const value = checkOf(await wal.health(options), name).value!
    const levelAt = async (given: HealthOptions): Promise<HealthCheck> =>
      checkOf(await wal.health({ ...options, ...given }), name)
    assert.equal((await levelAt({ [warn]: value, [fail]: value })).level, 'ok')
    const warned = await levelAt({ [warn]: value * 0.9, [fail]: value })
    assert.equal(warned.level, 'warn')
    assert.match(warned.message, message)
    const failed = await wal.health({ ...options, [warn]: 0, [fail]: value * 0.9 })
    assert.deepEqual([checkOf(failed, name).level, failed.level], ['fail', 'fail'])
    assert.match(checkOf(failed, name).message, message)
    assert.equal(
      (await levelAt({ [warn]: Number.POSITIVE_INFINITY, [fail]: Number.POSITIVE_INFINITY })).level,
      'ok',
    )
  })
}

test('space is what the simulated disk has left of its quota', async (t) => {
  const { wal, disk } = await clockedLog(t, MIB)
  const free = MIB - disk.usedBytes
  const levelAt = async (diskFreeWarnBytes: number, diskFreeFailBytes: number): Promise<unknown> => {
    const { level, value } = checkOf(await wal.health({ diskFreeWarnBytes, diskFreeFailBytes }), 'disk-space')
    return [level, value]
  }
  assert.deepEqual(await levelAt(free, free), ['ok', free])
  assert.deepEqual(await levelAt(free + 1, free), ['warn', free])
  assert.deepEqual(await levelAt(free + 1, free + 1), ['fail', free])
  disk.quotaBytes = 0
  assert.deepEqual(await levelAt(1, 1), ['fail', 0])
})

test('the defaults: a day, a week and 10 000 entries for checkpoints, gibibytes for space', async (t) => {
  const { wal, disk, time } = await clockedLog(t)
  // How long a sync takes here is how long the loop was busy.
  const unhurried = { syncWarnMs: 60_000, syncFailMs: 60_000 }
  const levels = async (): Promise<string[]> => (await wal.health(unhurried)).checks.map(({ level }) => level)
  const space = (bytes: number): void => {
    disk.quotaBytes = disk.usedBytes + bytes
  }
  await appendAll(wal, names('id', 9_999))
  space(2048 * MIB)
  time.now = 24 * HOUR_MS + 1
  assert.deepEqual(
    await levels(),
    ['ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok'],
    'few entries: their age does not matter',
  )
  space(4096 * MIB)
  await wal.checkpoint({ seq: 0, snapshot: async () => null })
  await appendAll(wal, names('more', 1))
  time.now += 24 * HOUR_MS
  assert.equal((await levels())[3], 'ok')
  time.now++
  space(256 * MIB - 1)
  assert.deepEqual(await levels(), ['ok', 'ok', 'ok', 'warn', 'fail', 'ok', 'ok'])
  time.now += 6 * 24 * HOUR_MS
  space(2048 * MIB - 1)
  assert.deepEqual(await levels(), ['ok', 'ok', 'ok', 'fail', 'warn', 'ok', 'ok'])
})

test('the defaults for sizes and syncs', () => {
  const GIB = 1024 * MIB
  const levelsOf = (bytes: number, medianSyncMs: number): string[] => {
    const vitals = {
      directory: DIRECTORY,
      poison: undefined,
      bytes,
      medianSyncMs,
      freeBytes: 3 * GIB,
      freeFiles: 1_000,
    }
    const times = { checkpointAgeMs: undefined, openForMs: 0, entriesSinceCheckpoint: 0 }
    return judgeHealth(
      { ...vitals, ...times, oldestTransaction: undefined, cursors: [] },
      thresholdsOf({}),
    ).checks.map(({ level }) => level)
  }
  assert.deepEqual(levelsOf(8 * GIB, 100), ['ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok'])
  assert.deepEqual(levelsOf(8 * GIB + 1, 100.1), ['ok', 'warn', 'warn', 'ok', 'ok', 'ok', 'ok'])
  assert.deepEqual(levelsOf(64 * GIB, 1000), ['ok', 'warn', 'warn', 'ok', 'ok', 'ok', 'ok'])
  assert.deepEqual(levelsOf(64 * GIB + 1, 1000.1), ['ok', 'fail', 'fail', 'ok', 'ok', 'ok', 'ok'])
})

/** The checks of a log in which little is so, with these thresholds on top of switched-off ones. */
function checksOf(
  vitals: Partial<Vitals>,
  options: HealthOptions = {},
): Map<HealthCheck['name'], HealthCheck> {
  const fresh = {
    directory: '/log',
    poison: undefined,
    bytes: 3 * MIB,
    medianSyncMs: undefined,
    freeBytes: 7 * MIB,
    freeFiles: 1_000,
  }
  const times = {
    checkpointAgeMs: undefined,
    openForMs: 0,
    entriesSinceCheckpoint: 2,
    oldestTransaction: undefined,
    cursors: [],
  }
  const space = { diskFreeWarnBytes: 0, diskFreeFailBytes: 0 }
  const { checks } = judgeHealth({ ...fresh, ...times, ...vitals }, thresholdsOf({ ...space, ...options }))
  return new Map(checks.map((check) => [check.name, check]))
}

test('a check that is ok says what is so, and no more', () => {
  const unsynced = checksOf({})
  assert.deepEqual(
    [...unsynced.values()].map(({ message }) => message),
    [
      'No write or sync has failed.',
      'The segments in /log have 3 MiB.',
      'Nothing was synced yet.',
      'There is no checkpoint, and the log has been open for 0.0 h; 2 records are behind it.',
      '7 MiB are free in /log.',
      'No transaction is open.',
      'There is no cursor.',
    ],
  )
  const sync = {
    name: 'sync-latency',
    level: 'ok',
    message: 'Nothing was synced yet.',
    value: null,
    unit: 'ms',
  }
  assert.deepEqual(unsynced.get('sync-latency'), sync)
  const used = checksOf({ medianSyncMs: 1.25, freeBytes: Number.POSITIVE_INFINITY })
  assert.equal(used.get('sync-latency')!.message, 'The median of the last syncs is 1.3 ms.')
  assert.equal(used.get('disk-space')!.message, 'No end of bytes are free in /log.')
})

test('a check that is not says what to do, too', () => {
  const { message } = checksOf({}, { diskFreeWarnBytes: 8 * MIB }).get('disk-space')!
  assert.match(message, /^7 MiB are free in \/log\. Appends are refused when it is full\. Make space; /)
})

test('an option that is undefined has its default, and a refusal names what is wrong', () => {
  assert.deepEqual(thresholdsOf({ syncWarnMs: undefined } as unknown as HealthOptions), thresholdsOf({}))
  const refused = (options: object): WalError => {
    try {
      thresholdsOf(options)
    } catch (error) {
      return error as WalError
    }
    throw new Error('it was not refused')
  }
  assert.match(
    refused({ latencyMs: 5 }).message,
    /^health has no option "latencyMs"\. There are: sizeWarnBytes, sizeFail/,
  )
  assert.equal(
    refused({ syncFailMs: -1 }).message,
    'The option syncFailMs must be a number of at least 0, not -1.',
  )
})

test('the age is that of the last checkpoint, also after reopening', async (t) => {
  const { wal, disk, time } = await clockedLog(t)
  await appendAll(wal, names('id', 5))
  time.now = 3 * HOUR_MS
  await wal.checkpoint({ seq: 4, snapshot: async () => null })
  time.now = 4 * HOUR_MS
  assert.equal(checkOf(await wal.health(), 'checkpoint-age').value, HOUR_MS)
  assert.equal(wal.stats().lastCheckpointAt, 3 * HOUR_MS)
  await wal.close()
  for (const readOnly of [true, false]) {
    await using again = await Wal.open({ directory: DIRECTORY, disk, readOnly, clock: () => 6 * HOUR_MS })
    const { value, message } = checkOf(await again.health(), 'checkpoint-age')
    assert.equal(value, 3 * HOUR_MS)
    assert.match(message, /^The last checkpoint is 3\.0 h old; 1 records are behind it\.$/)
  }
})

test('a log that a failed sync has stopped fails, with what to do', async (t) => {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory, disk })
  disk.fail({ operation: 'sync', path: SEGMENT, code: 'EIO' })
  await assert.rejects(wal.append(insert('a')))
  const health = await wal.health()
  assert.deepEqual([health.level, checkOf(health, 'poison').level], ['fail', 'fail'])
  assert.match(checkOf(health, 'poison').message, /close it and open it again/)
})

test('an index whose engine fails is not well, though its log is', async (t) => {
  const engine = flat({ dimensions: 3 })
  const index = await openIndex(t, { directory: await temporaryDirectory(t), index: engine })
  engine.set = () => {
    throw new Error('the engine fails')
  }
  await assert.rejects(index.insert('a', [1, 2, 3]))
  const health = await index.health()
  assert.equal(health.level, 'fail')
  assert.match(checkOf(health, 'poison').message, /the engine fails/)
})

test('why there is no newer checkpoint is said with its age', async (t) => {
  const engine = flat({ dimensions: 3 })
  const options = { index: engine, checkpointIntervalEntries: 2 }
  const index = await openIndex(t, { directory: await temporaryDirectory(t), ...options })
  engine.freeze = () => {
    throw new Error('no memory for a copy')
  }
  await index.insert('a', [1, 2, 3])
  await index.insert('b', [1, 2, 3])
  await until(() => index.stats().checkpointFailures > 0)
  const tight = { checkpointAgeWarnMs: 0, checkpointMinEntries: 1 }
  await new Promise((resolve) => setTimeout(resolve, 5))
  const { level, message } = checkOf(await index.health(tight), 'checkpoint-age')
  assert.equal(level, 'warn')
  assert.match(
    message,
    /Call checkpoint\(\)\. The last automatic one failed: no memory for a copy\. The next is tried with the first change after \d s\.$/,
  )
})

test('a file system that runs out of inodes is told, whatever space it has', async (t) => {
  const directory = await temporaryDirectory(t)
  let free = 999
  const disk = { ...nodeDisk, freeBytes: async () => 1e12, freeFiles: async () => free }
  const wal = await openWal(t, { directory, disk })
  const check = async (): Promise<string> => {
    const { level, message } = checkOf(await wal.health(), 'disk-space')
    return `${level} ${/inodes \(df -i\)/.test(message)}`
  }
  assert.equal(await check(), 'warn true')
  free = 99
  assert.equal(await check(), 'fail true')
  free = 1000
  assert.equal(await check(), 'ok false')
  free = Number.POSITIVE_INFINITY
  assert.equal(await check(), 'ok false')
})

test('a disk that cannot tell its free space, or fails to, is a warning', async (t) => {
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory: await temporaryDirectory(t), disk })
  disk.fail({ operation: 'freeBytes', code: 'EIO' })
  const failed = checkOf(await wal.health(), 'disk-space')
  assert.deepEqual([failed.level, failed.value], ['warn', null])
  assert.match(failed.message, /EIO/)
  Object.assign(disk, { freeBytes: undefined })
  assert.match(checkOf(await wal.health(), 'disk-space').message, /this disk does not say/)
})

test('thresholds that make no sense are refused, and so is a closed log', async (t) => {
  const wal = await openWal(t, { directory: await temporaryDirectory(t) })
  for (const options of [
    { syncWarnMs: -1 },
    { syncWarnMs: Number.NaN },
    { syncWarnMs: '5' },
    { latencyMs: 5 },
  ])
    await assert.rejects(wal.health(options as HealthOptions), refusal('WALV_INVALID_OPTION'))
  await wal.close()
  await assert.rejects(wal.health(), refusal('WALV_CLOSED'))
  const index = await DurableIndex.open({
    directory: await temporaryDirectory(t),
    index: flat({ dimensions: 3 }),
  })
  await index.close()
  await assert.rejects(index.health(), refusal('WALV_CLOSED'))
})
