import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  collect,
  DurableIndex,
  flat,
  refusal,
  SimulatedDisk,
  TakenOverDisk,
  type Version,
  Wal,
  type WalError,
} from '../../../support/kit.ts'
import { DIRECTORY, Past, vectors } from './past.ts'

/** What is told of an id, as what it held after each record. */
function told(versions: readonly Version[], seq: number): string | undefined {
  const last = versions.findLast((version) => version.seq <= seq)
  return last?.vector && JSON.stringify([[...last.vector], last.metadata])
}

for (const seed of [21, 22, 23])
  test(`the versions of an id are what it was after each record (seed ${seed})`, async () => {
    const past = await Past.open(seed)
    for (let round = 0; round < 3; round++) {
      await past.change(30)
      await past.index.checkpoint()
      past.note()
    }
    const { lastSeq } = past.index.stats()
    for (const id of ['a', 'b', 'f']) {
      const versions = await collect(past.index.history(id))
      assert.ok(versions.length > 3)
      for (let seq = -1; seq <= lastSeq; seq++)
        assert.equal(told(versions, seq), past.contentAfter(seq).get(id), `${id} after record ${seq}`)
      let wasThere = false
      for (const { type } of versions) {
        assert.equal(type, wasThere ? (type === 'delete' ? 'delete' : 'update') : 'insert')
        wasThere = type !== 'delete'
      }
    }
    assert.deepEqual(await collect(past.index.history('never')), [])
    await past.index.close()
  })

test('of a snapshot in which any bit is flipped nothing is told, though nothing loads it', async () => {
  let now = 1_000
  const past = await Past.open(27, { clock: () => now, segmentMaxAgeMs: 1, checkpointRetention: 2 })
  for (let round = 0; round < 3; round++) {
    await past.change(6)
    now += 10
    await past.index.checkpoint()
    past.note()
  }
  const name = (await past.disk.list(`${DIRECTORY}/snapshots`)).map((entry) => entry.name).sort()[0]!
  const path = `${DIRECTORY}/snapshots/${name}/vectors.walvflat`
  const file = await past.disk.open(path, 'read')
  const bytes = await file.size()
  await file.close()
  const [kept] = await collect(past.index.history('a'))
  assert.equal(kept?.type, 'kept')
  for (let at = 0; at < bytes; at++) {
    past.disk.flipBit(path, at)
    const versions = await collect(past.index.history('a'))
    assert.ok(versions.length > 0 && versions[0]!.seq > kept.seq, `byte ${at}`)
    for (const { seq } of versions) assert.equal(told(versions, seq), past.contentAfter(seq).get('a'))
    past.disk.flipBit(path, at)
  }
  assert.deepEqual((await collect(past.index.history('a')))[0], kept)
  await past.index.close()
})

test('a version tells its record, its time and its transaction', async () => {
  let now = 1_000
  const past = await Past.open(24, { clock: () => now })
  await past.index.insert('x', [1, 2, 3], { n: 1 })
  now = 2_000
  await past.index.transaction(async (transaction) => {
    await transaction.update('x', { metadata: { n: 2 } })
    await transaction.delete('y')
  })
  now = 3_000
  await past.index.update('x', { vector: [4, 5, 6] })
  now = 4_000
  // At once: what an id was in the middle of a batch, it never was.
  await past.index.batch([
    { type: 'delete', id: 'x' },
    { type: 'insert', id: 'x', vector: [7, 8, 9] },
    { type: 'insert', id: 'z', vector: [7, 8, 9] },
    { type: 'delete', id: 'z' },
  ])
  now = 5_000
  await past.index.delete('x')
  const versions = await collect(past.index.history('x'))
  const transactionId = versions[1]!.transactionId!
  assert.equal(versions[1]!.seq, transactionId + 2)
  const vector = (...numbers: number[]): Float32Array => Float32Array.from(numbers)
  assert.deepEqual(
    versions.map(({ seq: _, ...rest }) => rest),
    [
      { timestamp: 1_000, type: 'insert', vector: vector(1, 2, 3), metadata: { n: 1 } },
      { timestamp: 2_000, type: 'update', transactionId, vector: vector(1, 2, 3), metadata: { n: 2 } },
      { timestamp: 3_000, type: 'update', vector: vector(4, 5, 6), metadata: { n: 2 } },
      { timestamp: 4_000, type: 'update', vector: vector(7, 8, 9), metadata: null },
      { timestamp: 5_000, type: 'delete', vector: undefined, metadata: undefined },
    ],
  )
  assert.deepEqual(await collect(past.index.history('z')), [])
  await past.index.close()
})

test('where the log does not go back to the insert, the first version is the one that is kept', async () => {
  const past = await Past.open(25, { checkpointRetention: 1 })
  await past.index.insert('old', [1, 2, 3], { n: 1 })
  await past.index.close()
  const again = await Past.open(26, { checkpointRetention: 1 }, past.disk)
  for (let round = 0; round < 300; round++)
    await again.index.upsert('large', [1, 2, 3], { text: 'x'.repeat(1_000) })
  const checkpoint = (await again.index.checkpoint())!
  assert.ok(again.index.stats().firstSeq > 2)
  await again.index.update('old', { metadata: { n: 2 } })
  const versions = await collect(again.index.history('old'))
  assert.deepEqual(
    versions.map(({ type, vector, metadata }) => [type, [...vector!], metadata]),
    [
      ['kept', [1, 2, 3], { n: 1 }],
      ['update', [1, 2, 3], { n: 2 }],
    ],
  )
  assert.equal(versions[0]!.seq, checkpoint.sequenceNumber)
  await again.index.close()
})

test('the past of what was opened at a moment ends there', async () => {
  const past = await Past.open(27)
  await past.index.upsert('x', [1, 2, 3])
  const { lastSeq: seq } = past.index.stats()
  await past.index.upsert('x', [4, 5, 6])
  await using index = await DurableIndex.openAt({
    directory: DIRECTORY,
    disk: past.disk,
    index: vectors(),
    seq,
  })
  assert.equal((await collect(index.history('x'))).length, 1)
  assert.equal((await collect(past.index.history('x'))).length, 2)
  await past.index.close()
})

test('an index over a log that is no Wal has no past that could be read', async () => {
  const disk = new SimulatedDisk()
  const wal = await Wal.open({ directory: DIRECTORY, disk })
  const foreign = new Proxy(wal, { getPrototypeOf: () => Object.prototype, get: boundTo(wal) })
  await using index = await DurableIndex.open({ log: foreign, index: flat({ dimensions: 3 }) })
  assert.throws(() => index.history('a'), refusal('WALV_INVALID_OPTION'))
  assert.throws(() => index.diff({ seq: 0 }), refusal('WALV_INVALID_OPTION'))
})

const boundTo =
  (wal: Wal) =>
  (_: Wal, name: string | symbol): unknown => {
    const value = Reflect.get(wal, name, wal)
    return typeof value === 'function' ? value.bind(wal) : value
  }

test('what another program logged and could not take effect is no version and no difference', async () => {
  const past = await Past.open(28)
  await past.index.insert('x', [1, 2, 3])
  await past.index.close()
  const wal = await Wal.open({ directory: DIRECTORY, disk: past.disk })
  const before = wal.lastSeq
  await wal.append({ type: 'insert', id: 'x', vector: [9, 9, 9] })
  await wal.append({ type: 'update', id: 'y', vector: [9, 9, 9] })
  await wal.appendBatch([
    { type: 'delete', id: 'x' },
    { type: 'update', id: 'nobody', vector: [9, 9, 9] },
  ])
  await wal.close()
  const again = await Past.open(29, {}, past.disk)
  assert.equal(again.index.recovery.voided, 3)
  assert.equal((await collect(again.index.history('x'))).length, 1)
  assert.deepEqual(await collect(again.index.history('y')), [])
  assert.deepEqual(await collect(again.index.diff({ seq: before })), [])
  await again.index.close()
})

test('the versions are all there while another writer takes over, whenever that is', async () => {
  const disk = new SimulatedDisk()
  const killed = await DurableIndex.open({ directory: DIRECTORY, disk, index: vectors() })
  await killed.insert('a', [1, 2, 3])
  await killed.update('a', { metadata: 1 })
  await killed.delete('a')
  let isTakenOver = true
  for (let nth = 1; isTakenOver; nth++) {
    const left = disk.kill()
    const takeOver = (): Promise<unknown> =>
      DurableIndex.open({ directory: DIRECTORY, disk: left, index: vectors() })
    const read = new TakenOverDisk(left, `${DIRECTORY}/segment-0000000001.walv`, nth, takeOver)
    const options = { directory: DIRECTORY, disk: read, index: vectors(), readOnly: true }
    const reader = await DurableIndex.open(options)
    const versions = await collect(reader.history('a'))
    isTakenOver = read.isTakenOver
    assert.ok(isTakenOver || nth > 4)
    assert.deepEqual(
      versions.map(({ seq, type }) => [seq, type]),
      [
        [1, 'insert'],
        [2, 'update'],
        [3, 'delete'],
      ],
      `taken over before opening ${nth} of the segment`,
    )
    await reader.close()
  }
})

test('versions that a checkpoint removes while they are told are not passed over in silence', async () => {
  const { index } = await Past.open(27, { checkpointRetention: 1, segmentMaxBytes: 64 * 1024 })
  const change = async (n: number): Promise<void> =>
    index.upsert('a', [1, 2, 3], { n, text: 'x'.repeat(32 * 1024) })
  for (let n = 0; n < 20; n++) await change(n)
  const versions = index.history('a')
  assert.equal((await versions.next()).value?.type, 'insert')
  await index.checkpoint()
  await change(20)
  const earliest = index.stats().firstSeq
  assert.ok(earliest > 10)
  await assert.rejects(collect(versions), (error: WalError) => {
    assert.equal(error.code, 'WALV_SEQUENCE_TRIMMED')
    assert.match(error.message, /A checkpoint has overtaken the reading.* the past begins at record \d+ now/)
    return true
  })
  await index.close()
})
