import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PlannedUnit } from '../../../../src/index/durable/conditional-changes.ts'
import { IndexState } from '../../../../src/index/durable/index-state.ts'
import { revert } from '../../../../src/index/durable/time/revert.ts'
import {
  collect,
  DurableIndex,
  flat,
  openIndex,
  Random,
  refusal,
  SimulatedDisk,
  temporaryDirectory,
  Wal,
  type WalError,
} from '../../../support/kit.ts'
import { contentOf, DIMENSIONS, DIRECTORY, Past, vectors } from './past.ts'

for (const seed of [41, 42])
  test(`an index is made what it was, and that is undone (seed ${seed})`, async () => {
    const past = await Past.open(seed, { checkpointRetention: 100 })
    const random = new Random(seed)
    for (let round = 0; round < 12; round++) {
      await past.change(6)
      if (round % 5 === 2) await past.index.checkpoint()
      past.note()
      const { lastSeq } = past.index.stats()
      const seq = random.below(lastSeq + 2) - 1
      const { before, changed } = await past.index.revertTo({ seq })
      past.note()
      assert.equal(past.index.fingerprint(), past.after(seq), `record ${seq}`)
      assert.equal(before, lastSeq)
      assert.equal(past.index.stats().lastSeq, lastSeq + (changed === 0 ? 0 : 1))
      if (round % 3 !== 0) continue
      await past.index.revertTo({ seq: before })
      past.note()
      assert.equal(past.index.fingerprint(), past.after(before))
    }
    // All of it is in the log, as it was.
    const { lastSeq } = past.index.stats()
    const fingerprint = past.index.fingerprint()
    await past.index.close()
    const again = await Past.open(seed, { checkpointRetention: 100 }, past.disk)
    assert.equal(again.index.fingerprint(), fingerprint)
    for (let seq = 0; seq <= lastSeq; seq += 25) {
      await using index = await DurableIndex.openAt({
        directory: DIRECTORY,
        disk: past.disk,
        index: vectors(),
        seq,
      })
      assert.equal(index.fingerprint(), past.after(seq))
    }
    await again.index.close()
  })

test('a time is reverted to, and what is so already changes nothing', async () => {
  let now = 1_000
  const past = await Past.open(43, { clock: () => now })
  await past.change(10)
  const content = contentOf(past.index)
  now = 2_000
  await past.change(10)
  await past.index.revertTo({ time: 1_999 })
  assert.deepEqual(contentOf(past.index), new Map(content))
  const { lastSeq } = past.index.stats()
  assert.deepEqual(await past.index.revertTo({ time: 1_500 }), { before: lastSeq, changed: 0 })
  assert.equal(past.index.stats().lastSeq, lastSeq)
  await past.index.close()
})

test('what is changed while a revert reads the log is reverted too, and what comes after it is not', async () => {
  for (let seed = 0; seed < 12; seed++) {
    const disk = new SimulatedDisk({ seed, maxLatencyTurns: 3 })
    const past = await Past.open(seed, {}, disk)
    await past.change(12)
    const { lastSeq: seq } = past.index.stats()
    const wanted = past.after(seq)
    await past.change(12)
    let isReverted = false
    const reverting = past.index.revertTo({ seq }).then((reverted) => {
      isReverted = true
      return reverted
    })
    const random = new Random(seed)
    const changes: Promise<unknown>[] = []
    for (let at = 0; !isReverted; at++) {
      const id = random.pick(['a', 'b', 'new', `new-${at}`])
      changes.push(past.index.upsert(id, [at, 0, 0], { at }).catch(() => {}))
      changes.push(past.index.delete(random.pick(['c', 'd', 'new'])).catch(() => {}))
      for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
    }
    const { before } = await reverting
    await Promise.all(changes)
    // The revert is the record behind `before`.
    await using index = await DurableIndex.openAt({
      directory: DIRECTORY,
      disk,
      index: vectors(),
      seq: before + 1,
    })
    assert.equal(index.fingerprint(), wanted, `seed ${seed}`)
    assert.ok(before > seq)
    await past.index.close()
  }
})

test('a revert that no record holds is a transaction, and undone whole', async (t) => {
  const dimensions = 60_000
  const index = await openIndex(t, { directory: await temporaryDirectory(t), index: flat({ dimensions }) })
  const vector = new Float32Array(dimensions).fill(1)
  const items = Array.from({ length: 290 }, (_, at) => ({ id: `large-${at}`, vector }))
  await index.insertMany(items)
  const full = index.fingerprint()
  const { lastSeq: seq } = index.stats()
  await index.deleteWhere(() => true)
  const { before, changed } = await index.revertTo({ seq })
  assert.equal(changed, items.length)
  assert.equal(index.fingerprint(), full)
  assert.equal(index.stats().lastSeq, before + items.length + 2, 'a begin, the entries, a commit')
  await index.revertTo({ seq: before })
  assert.equal(index.size, 0)
})

test('a revert that would put back too much is refused before anything is logged', async () => {
  const disk = new SimulatedDisk()
  const wal = await Wal.open({ directory: DIRECTORY, disk })
  for (let at = 0; at < 10; at++)
    await wal.append({ type: 'insert', id: `id-${at}`, vector: [1, 2, 3], metadata: 'x'.repeat(100) })
  const { lastSeq: seq } = wal
  for (let at = 0; at < 10; at++) await wal.append({ type: 'delete', id: `id-${at}` })
  const refused = (maxBytes: number): Promise<unknown> => {
    const reverting = { log: wal, state: new IndexState(vectors()), isShared: false, signal: undefined }
    const count = async (plan: () => PlannedUnit) => ({ count: plan().entries.length, seq: undefined })
    return revert(reverting, seq, count, maxBytes)
  }
  // Ten vectors of three dimensions; and the text of the metadata, with its quotes.
  for (const maxBytes of [119, 120, 120 + 1020 - 1])
    await assert.rejects(refused(maxBytes), (error: WalError) => {
      assert.match(error.message, /10 ids were changed/)
      return refusal('WALV_LIMIT', 'not-logged')(error)
    })
  assert.deepEqual(await refused(120 + 1020), { before: wal.lastSeq, changed: 10 })
  await wal.close()
})

test('a revert is refused that an open transaction is in the way of, and of what is only read', async () => {
  const past = await Past.open(47)
  await past.index.upsert('x', [1, 2, 3])
  const { lastSeq: seq } = past.index.stats()
  await past.index.upsert('x', [4, 5, 6])
  await past.index.transaction(async (transaction) => {
    await transaction.delete('x')
    await assert.rejects(past.index.revertTo({ seq }), refusal('WALV_CONFLICT', 'not-logged'))
  })
  await using reader = await DurableIndex.open({
    directory: DIRECTORY,
    disk: past.disk,
    index: vectors(),
    readOnly: true,
  })
  await assert.rejects(reader.revertTo({ seq }), refusal('WALV_READ_ONLY', 'not-logged'))
  await assert.rejects(past.index.revertTo({ seq: 1_000 }), refusal('WALV_NOT_FOUND'))
  await assert.rejects(past.index.revertTo({} as never), refusal('WALV_INVALID_OPTION'))
  await past.index.revertTo({ seq })
  assert.equal(past.index.get('x')!.vector.length, DIMENSIONS)
  assert.equal((await collect(past.index.history('x'))).length, 4)
  await past.index.close()
})
