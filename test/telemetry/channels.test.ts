import assert from 'node:assert/strict'
import { basename } from 'node:path'
import { test } from 'node:test'
import { checkpointTracing, groupChannel, openTracing } from '../../src/diagnostics.ts'
import {
  alter,
  appendAll,
  type CheckpointMessage,
  type CloseMessage,
  collect,
  type DamageMessage,
  DurableIndex,
  FailingDisk,
  flat,
  frameOf,
  type GroupMessage,
  insert,
  insertOf,
  names,
  type OpenMessage,
  openIndex,
  openWal,
  type PoisonMessage,
  type RetentionMessage,
  type RotationMessage,
  refusal,
  type SyncMessage,
  segmentsIn,
  temporaryDirectory,
  Wal,
  writeLog,
} from '../support/kit.ts'
import { heard, heardTracing } from './heard.ts'

const SEGMENT = /segment-\d+\.walv$/

test('a group is told with its records, bytes and sync, and every sync', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  const groups = heard<GroupMessage>(t, 'walv:group', directory)
  const syncs = heard<SyncMessage>(t, 'walv:sync', directory)
  await appendAll(wal, names('id', 10))
  await wal.append(insert('last'))
  assert.deepEqual(
    groups.map(({ firstSeq, entries, bytes, pendingBytes }) => [firstSeq, entries, bytes, pendingBytes]),
    [
      [0, 10, 720, 0],
      [10, 1, 72, 0],
    ],
  )
  assert.deepEqual(
    groups.map(({ syncMs }) => syncMs),
    syncs.map(({ durationMs }) => durationMs),
  )
  assert.ok(syncs.every(({ durationMs }) => durationMs > 0))
  assert.deepEqual([...new Set(syncs.map(({ file }) => basename(file)))], ['segment-0000000001.walv'])
})

test('what waits behind a group is told with it, and a group that waited for no sync has none', async (t) => {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory, disk, durability: 'os' })
  const groups = heard<GroupMessage>(t, 'walv:group', directory)
  const hold = disk.hold('write', SEGMENT)
  const first = wal.append(insert('first'))
  await hold.reached
  const second = wal.append(insert('second'))
  hold.release()
  await Promise.all([first, second])
  assert.deepEqual(
    groups.map(({ pendingBytes, syncMs }) => [pendingBytes, syncMs]),
    [
      [72, undefined],
      [0, undefined],
    ],
  )
})

test('rotation, checkpoint and retention are told', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory, checkpointRetention: 1 })
  const rotations = heard<RotationMessage>(t, 'walv:rotation', directory)
  const retired = heard<RetentionMessage>(t, 'walv:retention', directory)
  const checkpoints = heardTracing<CheckpointMessage>(t, 'walv:checkpoint', directory)
  await wal.append(insertOf('fills-the-first', 240_000))
  await wal.append(insertOf('in-the-second', 60_000))
  const [first, second] = await segmentsIn(directory)
  assert.deepEqual(rotations, [{ directory, file: second, segment: 2, capacityBytes: 512 * 1024 }])
  assert.deepEqual(retired, [])
  const entry = await wal.checkpoint({ seq: 1, snapshot: async () => null })
  assert.deepEqual(retired, [{ directory, file: first, bytes: 256 * 1024, firstSeq: 1 }])
  assert.deepEqual(
    checkpoints.map(({ event }) => event),
    ['start', 'end', 'asyncStart', 'asyncEnd'],
  )
  assert.deepEqual({ ...checkpoints[3]!.message }, { directory, seq: 1, result: entry })
})

test('a checkpoint that fails is told with its error', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  const checkpoints = heardTracing<CheckpointMessage>(t, 'walv:checkpoint', directory)
  await assert.rejects(wal.checkpoint({ seq: 7, snapshot: async () => null }), refusal('WALV_CHECKPOINT'))
  assert.deepEqual(
    checkpoints.map(({ event }) => event),
    ['start', 'end', 'error', 'asyncStart', 'asyncEnd'],
  )
  refusal('WALV_CHECKPOINT')(checkpoints[2]!.message.error)
})

test('opening and closing are told, of an index with the log within, and the results are what was opened', async (t) => {
  const directory = await temporaryDirectory(t)
  const logs = heardTracing<OpenMessage>(t, 'walv:open', directory)
  const indexes = heardTracing<OpenMessage>(t, 'walv:index-open', directory)
  const closed = heard<CloseMessage>(t, 'walv:close', directory)
  const index = await DurableIndex.open({ directory, index: flat({ dimensions: 3 }) })
  const end = { log: logs.at(-1)!, index: indexes.at(-1)! }
  assert.deepEqual([end.log.event, end.index.event], ['asyncEnd', 'asyncEnd'])
  assert.ok(end.log.message.result instanceof Wal)
  assert.equal(end.index.message.result, index)
  assert.deepEqual(closed, [])
  await index.close()
  await index.close()
  assert.deepEqual(closed, [{ directory, readOnly: false }])
  await (await Wal.open({ directory, readOnly: true })).close()
  assert.deepEqual([logs.at(-1)!.message.readOnly, closed.at(-1)], [true, { directory, readOnly: true }])
})

test('an opening that is refused is told with its error', async (t) => {
  const directory = await temporaryDirectory(t)
  const events = heardTracing<OpenMessage>(t, 'walv:index-open', directory)
  const wrong = { directory, index: flat({ dimensions: 3 }), checkpointIntervalEntries: -1 }
  await assert.rejects(DurableIndex.open(wrong), refusal('WALV_INVALID_OPTION'))
  refusal('WALV_INVALID_OPTION')(events.find(({ event }) => event === 'error')!.message.error)
  const nowhere = { directory: undefined as unknown as string, index: flat({ dimensions: 3 }) }
  await assert.rejects(DurableIndex.open(nowhere), refusal('WALV_INVALID_OPTION'))
})

test('damage is told when it is found on opening, also if that refuses it', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, ['a', 'b'])
  await alter((await segmentsIn(directory))[0]!, (content) => content.fill(0, frameOf(content, 'a'), 1100))
  const damage = heard<DamageMessage>(t, 'walv:damage', directory)
  await assert.rejects(Wal.open({ directory }), refusal('WALV_DAMAGED'))
  assert.deepEqual(
    damage.map((each) => [each.damage.kind, each.damage.acknowledged, each.damage.seqs]),
    [['corrupt', true, [{ from: 0, through: 1 }]]],
  )
})

test('damage is told when reading meets it', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await appendAll(wal, ['a', 'b'])
  await alter((await segmentsIn(directory))[0]!, (content) => content.fill(0, frameOf(content, 'a'), 1100))
  const damage = heard<DamageMessage>(t, 'walv:damage', directory)
  await assert.rejects(collect(wal.read()), refusal('WALV_DAMAGED'))
  assert.deepEqual(
    damage.map((each) => [each.damage.kind, each.damage.seqs]),
    [['corrupt', [{ from: 0, through: 1 }]]],
  )
})

test('poison is told once, of a log and of an index whose engine fails', async (t) => {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory, disk })
  const poison = heard<PoisonMessage>(t, 'walv:poison', directory)
  disk.fail({ operation: 'sync', path: SEGMENT, code: 'EIO' })
  await assert.rejects(wal.append(insert('a')), refusal('WALV_IO'))
  await assert.rejects(wal.append(insert('b')), refusal('WALV_POISONED'))
  assert.deepEqual(
    poison.map(({ error }) => error.code),
    ['WALV_POISONED'],
  )

  const other = await temporaryDirectory(t)
  const engine = flat({ dimensions: 3 })
  const index = await openIndex(t, { directory: other, index: engine })
  const broken = heard<PoisonMessage>(t, 'walv:poison', other)
  engine.set = () => {
    throw new Error('the engine fails')
  }
  await assert.rejects(index.insert('a', [1, 2, 3]), refusal('WALV_POISONED'))
  assert.match(broken[0]!.error.message, /the engine fails/)
  assert.equal(index.stats().poisoned, true)
})

test('where nobody listens, no message is built', async (t) => {
  const channels = [groupChannel, openTracing, checkpointTracing]
  assert.deepEqual(
    channels.map(({ hasSubscribers }) => hasSubscribers),
    [false, false, false],
  )
  const published = t.mock.method(Object.getPrototypeOf(groupChannel), 'publish')
  const wal = await openWal(t, { directory: await temporaryDirectory(t) })
  await wal.append(insert('a'))
  await wal.checkpoint({ seq: 0, snapshot: async () => null })
  await wal.close()
  assert.equal(published.mock.callCount(), 0)
})
