import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  type CheckpointEntry,
  type CheckpointRequest,
  collect,
  customOf,
  DIRECTORY,
  failingLog,
  insert,
  namesOn,
  openOn,
  settled,
  type Wal,
  WalError,
} from '../../support/kit.ts'

const KIB = 1024
const SNAPSHOTS = `${DIRECTORY}/snapshots`

const empty = async (): Promise<null> => null

const take = (
  wal: Wal,
  seq: number = wal.lastSeq,
  snapshot: CheckpointRequest['snapshot'] = empty,
): Promise<CheckpointEntry> => wal.checkpoint({ seq, snapshot })

const nameOf = (seq: number): string => `snapshot-${String(seq).padStart(16, '0')}`

async function refusalOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => assert.fail('it was taken'),
    (reason) => reason,
  )
  assert.ok(error instanceof WalError && error.code === 'WALV_CHECKPOINT', String(error))
  return error.message
}

test('a checkpoint is what it was asked for, what the snapshot is, and a record of the log', async () => {
  const { wal } = await failingLog()
  await Promise.all(['a', 'b', 'c'].map((id) => wal.append(insert(id))))
  assert.deepEqual([wal.lastCheckpoint, wal.snapshot, wal.stats().checkpoints], [undefined, undefined, 0])
  const checkpoint = await take(wal, 1, async (target) => {
    await target.write('file', [Buffer.from('content')])
    return { my: 'info' }
  })
  assert.deepEqual(checkpoint, {
    type: 'checkpoint',
    sequenceNumber: 1,
    replayFrom: 2,
    snapshot: {
      name: nameOf(1),
      files: [
        {
          name: 'file',
          bytes: 7,
          sha256: 'ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73',
        },
      ],
      info: { my: 'info' },
    },
  })
  assert.deepEqual(wal.lastCheckpoint, checkpoint)
  assert.equal(wal.snapshot?.reference, checkpoint.snapshot)
  assert.deepEqual([wal.lastSeq, wal.durableSeq, wal.stats().checkpoints], [3, 3, 1])
  const [record] = await collect(wal.read({ from: 3 }))
  assert.deepEqual(record!.entry, checkpoint)
  await wal.close()
})

test('a checkpoint must reach as far as the last one, as what opening found, and no further than what is acknowledged', async () => {
  const { wal, below } = await failingLog()
  await wal.append(insert('a'))
  await wal.append(insert('b'))
  for (const seq of [-1, 0.5, Number.NaN])
    assert.equal(
      await refusalOf(take(wal, seq)),
      `The checkpoint is refused: seq is ${seq}, but the snapshot must reach at least record 0. Nothing was changed.`,
    )
  assert.match(
    await refusalOf(take(wal, '1' as unknown as number)),
    /: seq must be a sequence number, not "1"\./,
  )
  assert.match(
    await refusalOf(take(wal, 2)),
    /: seq is 2, but the log is acknowledged only up to 1\. Nothing was changed\.$/,
  )
  await take(wal, 1)
  assert.match(await refusalOf(take(wal, 0)), /: seq is 0, but the snapshot must reach at least record 1\./)
  assert.match(await refusalOf(take(wal, 1)), /: there is a checkpoint at 1 already\./)
  await take(wal, 2)
  await wal.append(insert('c'))
  await wal.close()
  const again = await openOn(below)
  await again.append(insert('d'))
  assert.match(await refusalOf(take(again, 3)), /: seq is 3, but the snapshot must reach at least record 4\./)
  await take(again, 4)
  await again.close()
})

test('an empty log has nothing to take a checkpoint of', async () => {
  const { wal } = await failingLog()
  assert.match(await refusalOf(take(wal, 0)), /acknowledged only up to -1\./)
  assert.match(await refusalOf(take(wal, -1)), /at least record 0\./)
  await wal.append(insert('a'))
  await take(wal, 0)
  await wal.close()
})

test('one checkpoint at a time; the next may be taken once it is done, well or badly', async () => {
  const { wal } = await failingLog()
  await wal.append(insert('a'))
  let finish = (): void => {}
  const first = take(wal, 0, () => new Promise((resolve) => (finish = () => resolve(null))))
  await settled()
  assert.match(await refusalOf(take(wal, 0)), /: another checkpoint is being taken; await it\./)
  finish()
  await first
  await wal.append(insert('b'))
  const failing = take(wal, wal.lastSeq, async () => {
    throw new TypeError('on purpose')
  })
  await assert.rejects(failing, { name: 'TypeError', message: 'on purpose' })
  await take(wal)
  assert.equal(wal.stats().checkpoints, 2)
  await wal.close()
})

test('closing waits for the checkpoint that is being taken, well or badly', async () => {
  for (const fails of [false, true]) {
    const { wal, below } = await failingLog()
    await wal.append(insert('a'))
    let finish = (): void => {}
    const taking = take(
      wal,
      0,
      () =>
        new Promise((resolve, reject) => {
          finish = () => (fails ? reject(new Error('on purpose')) : resolve(null))
        }),
    ).catch(() => {})
    await settled()
    let closed = false
    const closing = wal.close().then(() => {
      closed = true
    })
    await settled()
    assert.equal(closed, false)
    finish()
    await Promise.all([taking, closing])
    const again = await openOn(below)
    assert.equal(again.recovery.checkpoints, fails ? 0 : 1)
    await again.close()
  }
})

test('closing waits for a snapshot function as long as it writes, and what one that was given up writes later is refused', async () => {
  const { wal, below } = await failingLog({ closeWaitMs: 60 })
  await wal.append(insert('a'))
  async function* slowly(): AsyncGenerator<Buffer> {
    for (let piece = 0; piece < 8; piece++) {
      yield Buffer.from('piece')
      await delay(20)
    }
  }
  const taking = wal.checkpoint({
    seq: 0,
    snapshot: async (target) => {
      await target.write('slow', slowly())
      return null
    },
  })
  await wal.close()
  assert.equal((await taking).sequenceNumber, 0)
  const again = await openOn(below, { closeWaitMs: 1 })
  await again.append(insert('b'))
  let late: Promise<unknown> | undefined
  const stuck = again.checkpoint({
    seq: again.lastSeq,
    snapshot: async (target) => {
      await delay(30)
      late = assert.rejects(target.write('late', [Buffer.from('late')]), { code: 'WALV_CLOSED' })
      return null
    },
  })
  const given = assert.rejects(stuck, { code: 'WALV_CLOSED' })
  await again.close()
  await given
  while (late === undefined) await delay(5)
  await late
  assert.deepEqual(await namesOn(below, SNAPSHOTS), [nameOf(0)])
})

test('what the snapshot is made from is durable before the snapshot is written', async () => {
  const { wal } = await failingLog({ durability: 'os' })
  await wal.append(insert('a'))
  assert.equal(wal.durableSeq, -1)
  let durable = -1
  await take(wal, 0, async () => {
    durable = wal.durableSeq
    return null
  })
  assert.equal(durable, 0)
  assert.equal(wal.durableSeq, 1, 'and so is the checkpoint')
  await wal.close()
})

test('a snapshot that cannot be written leaves everything as it was, and says so', async () => {
  const { wal, disk, below } = await failingLog()
  await wal.append(insert('a'))
  await take(wal)
  await wal.append(insert('b'))
  const before = wal.lastSeq
  disk.fail({ operation: 'renameNew', code: 'ENOSPC' })
  await assert.rejects(take(wal), {
    code: 'WALV_DISK_FULL',
    file: DIRECTORY,
    message:
      /^The snapshot in \/data\/log could not be written; the checkpoints before are as they were: the disk is full/,
  })
  assert.deepEqual([wal.lastSeq, wal.lastCheckpoint?.sequenceNumber], [before, 0])
  assert.deepEqual(await namesOn(below, SNAPSHOTS), [nameOf(0)])
  await take(wal)
  await wal.close()
})

test('a checkpoint whose record is refused is not one, and may be taken again', async () => {
  const { wal, disk, below } = await failingLog()
  await wal.append(insert('a'))
  disk.fail({ operation: 'write', path: /segment/, code: 'ENOSPC' })
  await assert.rejects(take(wal), { code: 'WALV_DISK_FULL', fate: 'not-logged' })
  assert.deepEqual([wal.lastCheckpoint, wal.stats().checkpoints, wal.lastSeq], [undefined, 0, 0])
  await take(wal)
  assert.deepEqual(await namesOn(below, SNAPSHOTS), [nameOf(0)])
  await wal.close()
})

test('as many checkpoints are kept as are to be, with their snapshots and what of the log the oldest of them needs', async () => {
  for (const checkpointRetention of [1, 2, 3]) {
    const { wal, below } = await failingLog({ checkpointRetention, segmentMaxBytes: 64 * KIB })
    const seqs: number[] = []
    for (let round = 0; round < 5; round++) {
      await wal.append(customOf(200 * KIB))
      const { sequenceNumber } = await take(wal)
      seqs.push(sequenceNumber)
      const kept = seqs.slice(-checkpointRetention)
      assert.deepEqual(await namesOn(below, SNAPSHOTS), kept.map(nameOf))
      assert.equal(wal.stats().checkpoints, kept.length)
      if (round < checkpointRetention - 1)
        assert.equal(wal.stats().firstSeq, 0, 'nothing is let go of too early')
      else assert.equal(wal.stats().firstSeq, kept[0], 'the segment that the checkpoint reaches into is kept')
    }
    await wal.close()
    const again = await openOn(below, { checkpointRetention })
    assert.deepEqual([again.recovery.damage, again.lastCheckpoint?.sequenceNumber], [[], seqs.at(-1)])
    await again.close()
  }
})

test('nothing of the log is let go of before there are as many checkpoints as are to be kept', async () => {
  for (const checkpointRetention of [1, 2]) {
    const { wal } = await failingLog({ checkpointRetention })
    for (let count = 0; count < 3; count++) await wal.append(customOf(200 * KIB))
    await take(wal)
    assert.equal(wal.stats().firstSeq > 0, checkpointRetention === 1)
    await take(wal, wal.lastSeq)
    assert.ok(wal.stats().firstSeq > 0)
    await wal.close()
  }
})

test('opening with a smaller retention keeps the newest checkpoints, and lets go of the rest at the next one', async () => {
  const { wal, below } = await failingLog({ checkpointRetention: 5 })
  for (let round = 0; round < 4; round++) {
    await wal.append(insert(`${round}`))
    await take(wal)
  }
  await wal.close()
  const again = await openOn(below, { checkpointRetention: 2 })
  assert.deepEqual([again.stats().checkpoints, again.lastCheckpoint?.sequenceNumber], [2, 6])
  assert.deepEqual(await namesOn(below, SNAPSHOTS), [nameOf(4), nameOf(6)])
  await again.close()
})

test('clean-up that fails is counted, told and tried again at the next checkpoint, which it does not fail', async () => {
  const { wal, disk, below } = await failingLog({ checkpointRetention: 1 })
  assert.deepEqual([wal.stats().upkeepFailures, wal.stats().lastUpkeepError], [0, undefined])
  await wal.append(insert('a'))
  await take(wal)
  await wal.append(insert('b'))
  disk.fail({ operation: 'remove', path: new RegExp(`${nameOf(0)}$`), code: 'EBUSY' })
  await take(wal)
  assert.equal(wal.stats().upkeepFailures, 1)
  assert.match(wal.stats().lastUpkeepError!, /^EBUSY: remove .*snapshot-0000000000000000$/)
  assert.equal((await namesOn(below, SNAPSHOTS)).length, 2)
  await wal.append(insert('c'))
  await take(wal)
  assert.equal(wal.stats().upkeepFailures, 1)
  assert.deepEqual(await namesOn(below, SNAPSHOTS), [nameOf(4)])
  await wal.close()
})

test('a snapshot of a checkpoint that never came to be is removed when the log is opened again', async () => {
  const { wal, disk, below } = await failingLog()
  await wal.append(insert('a'))
  await take(wal)
  await wal.append(insert('b'))
  disk.fail({ operation: 'sync', path: /segment/, code: 'EIO' })
  await assert.rejects(take(wal), { code: 'WALV_IO' })
  assert.equal((await namesOn(below, SNAPSHOTS)).length, 2)
  await wal.close()
  await (await openOn(below.crash('nothing'))).close()
  const left = below.crash('nothing')
  const again = await openOn(left)
  assert.deepEqual(await namesOn(left, SNAPSHOTS), [nameOf(0)])
  await again.close()
})

/** Record 0 begins a transaction, which commits with record 3. */
async function straddled(wal: Wal): Promise<void> {
  const transaction = wal.begin()
  transaction.insert('early', [1, 2, 3])
  await wal.append(insert('between'))
  assert.equal(await transaction.commit(), 3)
}

test('a checkpoint that fails makes no later one forget a transaction that it would have held', async () => {
  for (const fails of ['snapshot', 'record'] as const) {
    const { wal, disk, below } = await failingLog({ checkpointRetention: 1 })
    await straddled(wal)
    if (fails === 'record') disk.fail({ operation: 'write', path: /segment/, code: 'ENOSPC' })
    const failing = take(wal, 3, async () => {
      if (fails === 'snapshot') throw new Error('on purpose')
      return null
    })
    await assert.rejects(failing)
    const { replayFrom } = await take(wal, 2)
    assert.equal(replayFrom, 0, `the transaction began before record 2 and committed behind it (${fails})`)
    await wal.append(customOf(300 * KIB))
    await wal.close()
    const again = await openOn(below)
    const replayed = await collect(again.replay({ after: 2 }))
    assert.deepEqual(
      replayed.flatMap(({ entries }) => entries.map((entry) => ('id' in entry ? entry.id : entry.type))),
      ['early', 'custom'],
    )
    await again.close()
  }
})

test('a checkpoint that is durable has its transactions forgotten, and only those', async () => {
  const { wal } = await failingLog()
  await straddled(wal)
  assert.equal((await take(wal, 2)).replayFrom, 0)
  assert.equal((await take(wal, 3)).replayFrom, 4)
  await wal.close()
})

test('a log that is closed keeps no timer, and so no process alive', async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  const { wal } = await failingLog()
  await wal.append(insert('a'))
  await take(wal)
  await wal.close()
  assert.equal(timers(), before)
})
