import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collect, insertOf, openWal, Random, temporaryDirectory, Wal } from '../support/kit.ts'

const YEAR_MS = 365 * 24 * 3_600_000

/** A clock that goes on by itself, and is set back or forward now and then, by up to a year. */
function steppedClock(random: Random): () => number {
  let now = 1_700_000_000_000
  return () => {
    now += random.chance(0.1) ? random.below(2 * YEAR_MS) - YEAR_MS : random.below(1_000)
    now = Math.max(now, 0)
    return now
  }
}

test('with a clock that is set back and forth, timestamps never decrease and the order is that of appending, over rotations, transactions, checkpoints and reopenings', async (t) => {
  const directory = await temporaryDirectory(t)
  const clock = steppedClock(new Random(11))
  const appended: string[] = []
  let rotations = 0
  for (let time = 0; time < 5; time++) {
    const wal = await openWal(t, { directory, clock, segmentMaxBytes: 64 * 1024, segmentMaxAgeMs: 60_000 })
    for (let count = 0; count < 40; count++) {
      const id = `id-${time}-${count}`
      if (count % 4 === 0) {
        const transaction = wal.begin()
        transaction.append(insertOf(id, 1_000))
        await transaction.commit()
      } else await wal.append(insertOf(id, 1_000))
      appended.push(id)
    }
    rotations += wal.stats().rotations
    // Only one is kept at first, so that nothing of the log is let go.
    if (time === 0) await wal.checkpoint({ seq: wal.lastSeq, snapshot: async () => null })
    await wal.close()
  }
  assert.ok(rotations > 0)
  const records = await collect((await openWal(t, { directory, readOnly: true })).read())
  assert.deepEqual(
    records.flatMap(({ entry }) => (entry.type === 'insert' ? [entry.id] : [])),
    appended,
  )
  for (const [index, { seq, timestamp }] of records.entries()) {
    assert.equal(seq, index)
    assert.ok(
      timestamp >= (records[index - 1]?.timestamp ?? 0),
      `record ${seq} is of an earlier time than the one before`,
    )
  }
})

test('a log that was written in the future is opened and goes on in the present', async (t) => {
  const directory = await temporaryDirectory(t)
  const future = 4_000_000_000_000
  for (const now of [future, 1_000, 0]) {
    await using wal = await Wal.open({ directory, clock: () => now })
    await wal.append(insertOf(`at-${now}`, 4))
  }
  const records = await collect((await openWal(t, { directory, readOnly: true })).read())
  assert.deepEqual(
    records.map(({ timestamp }) => timestamp),
    [future, future, future],
  )
})
