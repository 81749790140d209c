import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { segmentName } from '../../../../src/format/segment.ts'
import { alterOn, DurableIndex, refusal, SimulatedDisk, type WalError } from '../../../support/kit.ts'
import { DIRECTORY, Past, vectors } from './past.ts'

const openAt = (past: Past, seq: number): Promise<DurableIndex> =>
  DurableIndex.openAt({ directory: DIRECTORY, disk: past.disk, index: vectors(), seq })

for (const seed of [1, 2, 3])
  test(`an index is opened as it was after each record, beside its writer (seed ${seed})`, async () => {
    const past = await Past.open(seed, { checkpointRetention: 100 })
    for (let round = 0; round < 4; round++) {
      await past.change(12)
      await past.index.checkpoint()
      past.note()
    }
    const { lastSeq } = past.index.stats()
    for (let seq = -1; seq <= lastSeq; seq++) {
      await using index = await openAt(past, seq)
      assert.equal(index.fingerprint(), past.after(seq), `after record ${seq}`)
      assert.equal(index.recovery.lastSeq, seq)
    }
    await past.index.close()
  })

test('of several snapshots the newest that is not behind the moment is loaded', async () => {
  const past = await Past.open(4, { checkpointRetention: 100 })
  const snapshots: number[] = []
  for (let round = 0; round < 3; round++) {
    await past.change(10)
    snapshots.push((await past.index.checkpoint())!.sequenceNumber)
  }
  for (const [seq, expected] of [
    [snapshots[0]! - 1, undefined],
    [snapshots[0]!, snapshots[0]],
    [snapshots[2]! - 1, snapshots[1]],
    [snapshots[2]!, snapshots[2]],
  ] as const) {
    await using index = await openAt(past, seq)
    assert.equal(index.recovery.snapshotSeq, expected, `after record ${seq}`)
  }
  await past.index.close()
})

test('what a snapshot covers is not read, and what is shown is proved', async () => {
  const past = await Past.open(7, { checkpointRetention: 100, segmentMaxBytes: 64 * 1024 })
  const fill = async (): Promise<void> => {
    const metadata = 'x'.repeat(20_000)
    for (let at = 0; at < 20; at++) await past.index.upsert(`large-${at}`, [at, 1, 1], metadata)
  }
  await fill()
  past.note()
  const { sequenceNumber } = (await past.index.checkpoint())!
  await fill()
  await past.change(10)
  const { lastSeq } = past.index.stats()
  // Of the first record.
  await alterOn(past.disk, join(DIRECTORY, segmentName(1)), (content) => {
    content[1100]! ^= 1
  })
  for (const seq of [sequenceNumber, lastSeq - 3, lastSeq]) {
    await using index = await openAt(past, seq)
    assert.equal(index.recovery.lastSeq, seq)
    if (seq !== lastSeq - 3) assert.equal(index.fingerprint(), past.after(seq))
  }
  await assert.rejects(openAt(past, sequenceNumber - 1), refusal('WALV_DAMAGED'))
  const whole = DurableIndex.open({ directory: DIRECTORY, disk: past.disk, index: vectors(), readOnly: true })
  await assert.rejects(whole, refusal('WALV_DAMAGED'))
  await past.index.close()
})

test('what is opened so takes no change, and stays as it was', async () => {
  const past = await Past.open(5)
  await past.change(10)
  const { lastSeq } = past.index.stats()
  await using index = await openAt(past, lastSeq)
  const before = index.fingerprint()
  await past.change(10)
  await assert.rejects(index.upsert('a', [1, 2, 3]), refusal('WALV_READ_ONLY', 'not-logged'))
  assert.equal(index.fingerprint(), before)
  await past.index.close()
})

test('a time stands for the last record that is not later', async () => {
  let now = 1_000_000
  const past = await Past.open(6, { clock: () => now, segmentMaxBytes: 64 * 1024 })
  const at = new Map<number, number>()
  for (let round = 0; round < 30; round++) {
    now += 100
    if (round % 10 === 9) await past.index.checkpoint()
    await past.change(3)
    at.set(now, past.index.stats().lastSeq)
  }
  for (const [time, seq] of at) {
    for (const late of [0, 99]) {
      await using index = await DurableIndex.openAt({
        directory: DIRECTORY,
        disk: past.disk,
        index: vectors(),
        time: late === 0 ? new Date(time) : time + late,
      })
      assert.equal(index.recovery.lastSeq, seq)
      assert.equal(index.fingerprint(), past.after(seq))
    }
  }
  await using before = await DurableIndex.openAt({
    directory: DIRECTORY,
    disk: past.disk,
    index: vectors(),
    time: 1,
  })
  assert.equal(before.recovery.lastSeq, -1)
  assert.equal(before.size, 0)
  await past.index.close()
})

test('a moment that is no longer kept is refused with the earliest that is', async () => {
  let now = 1_000_000
  const past = await Past.open(7, { clock: () => now, checkpointRetention: 1 })
  await past.change(10)
  await past.index.close()
  // The log goes on in a new segment, so that the first can go.
  const again = await Past.open(8, { clock: () => now, checkpointRetention: 1 }, past.disk)
  for (let round = 0; round < 400; round++) {
    await again.index.upsert('large', [1, 2, round], { text: 'x'.repeat(1_000) })
    again.note()
  }
  now += 5_000
  const { sequenceNumber: earliest } = (await again.index.checkpoint())!
  assert.ok(again.index.stats().firstSeq > 0)
  await again.change(5)
  for (const moment of [{ seq: 3 }, { seq: earliest - 1 }, { time: 1_000_000 - 1 }])
    await assert.rejects(
      DurableIndex.openAt({ directory: DIRECTORY, disk: past.disk, index: vectors(), ...moment }),
      (error: WalError) => {
        assert.match(error.message, new RegExp(`right after record ${earliest}, of 1970-01-01T00:16:45.000Z`))
        assert.match(error.message, /history: \{ keepMs \}/)
        assert.equal(error.seq, earliest)
        return refusal('WALV_SEQUENCE_TRIMMED')(error)
      },
    )
  await using index = await openAt(again, earliest)
  assert.equal(index.fingerprint(), again.after(earliest))
  await again.index.close()
})

test('a record that is not there yet, and what is no moment, are refused', async () => {
  const past = await Past.open(9)
  await past.change(3)
  const { lastSeq } = past.index.stats()
  await assert.rejects(openAt(past, lastSeq + 1), (error: WalError) => {
    assert.match(error.message, new RegExp(`no record ${lastSeq + 1} yet: .* ends with record ${lastSeq}`))
    return refusal('WALV_NOT_FOUND')(error)
  })
  for (const moment of [
    {},
    { seq: 1, time: 2 },
    { seq: -2 },
    { seq: 1.5 },
    { time: 'now' },
    { time: new Date('?') },
  ])
    await assert.rejects(
      DurableIndex.openAt({ directory: DIRECTORY, disk: past.disk, index: vectors(), ...moment } as never),
      refusal('WALV_INVALID_OPTION'),
    )
  await past.index.close()
})

test('where there is no log there is no past', async () => {
  const disk = new SimulatedDisk()
  await assert.rejects(
    DurableIndex.openAt({ directory: DIRECTORY, disk, index: vectors(), seq: 0 }),
    refusal('WALV_NO_DIRECTORY'),
  )
})
