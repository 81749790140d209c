import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DurableIndex, type History, refusal } from '../../../support/kit.ts'
import { DIRECTORY, Past, vectors } from './past.ts'

const HOUR = 3_600_000

/** A day of an index: each hour some changes, 256 KiB of text, and a checkpoint. */
async function day(history: History | undefined, hours = 24): Promise<{ past: Past; now: () => number }> {
  let now = 1_000 * HOUR
  const clock = (): number => now
  const options = { clock, checkpointRetention: 1, segmentMaxBytes: 64 * 1024 }
  const past = await Past.open(11, { ...options, ...(history && { history }) })
  for (let hour = 0; hour < hours; hour++) {
    now += HOUR
    for (let at = 0; at < 8; at++) {
      await past.index.upsert('text', [hour, at, 0], { text: 'x'.repeat(32 * 1024) })
      past.note()
    }
    await past.change(5)
    await past.index.checkpoint()
    past.note()
  }
  return { past, now: clock }
}

const openAt = (past: Past, moment: { seq: number } | { time: number }): Promise<DurableIndex> =>
  DurableIndex.openAt({ directory: DIRECTORY, disk: past.disk, index: vectors(), ...moment })

test('every moment of the time that is kept can be opened, and what is older goes', async () => {
  const { past, now } = await day({ keepMs: 6 * HOUR })
  const { history, firstSeq, lastSeq } = past.index.stats()
  assert.ok(history && firstSeq > 0)
  assert.ok(history.fromTime! <= now() - 6 * HOUR && history.fromTime! > now() - 9 * HOUR)
  assert.ok(history.bytes > 6 * 256 * 1024 && history.bytes < 16 * 256 * 1024, `${history.bytes}`)
  for (let ago = 0; ago <= 6 * HOUR; ago += HOUR / 2) {
    await using index = await openAt(past, { time: now() - ago })
    assert.equal(index.fingerprint(), past.after(index.recovery.lastSeq))
  }
  for (let seq = history.fromSeq; seq <= lastSeq; seq += 7) {
    await using index = await openAt(past, { seq })
    assert.equal(index.fingerprint(), past.after(seq))
  }
  await assert.rejects(openAt(past, { seq: history.fromSeq - 1 }), refusal('WALV_SEQUENCE_TRIMMED'))
  await past.index.close()
})

test('by default there is no past beyond the newest checkpoints', async () => {
  const { past } = await day(undefined, 4)
  const { history, firstSeq, checkpoints } = past.index.stats()
  assert.equal(history, undefined)
  assert.equal(checkpoints, 1)
  assert.ok(firstSeq > 0)
  await past.index.close()
})

test('bytes bound it, and the newest checkpoints are kept all the same', async () => {
  const { past } = await day({ keepBytes: 1024 * 1024 }, 12)
  const { history } = past.index.stats()
  assert.ok(history!.bytes <= 1024 * 1024 && history!.bytes > 256 * 1024, `${history!.bytes}`)
  await using index = await openAt(past, { seq: history!.fromSeq })
  assert.equal(index.fingerprint(), past.after(history!.fromSeq))
  await past.index.close()
})

test('it is kept over openings with the option, and an opening without it lets go of it', async () => {
  const { past } = await day({ keepMs: 6 * HOUR }, 10)
  const { fromSeq } = past.index.stats().history!
  const clock = (): number => 1_010 * HOUR
  await past.index.close()
  const again = await Past.open(
    12,
    { clock, checkpointRetention: 1, history: { keepMs: 6 * HOUR } },
    past.disk,
  )
  assert.equal(again.index.stats().history!.fromSeq, fromSeq)
  await (await openAt(past, { seq: fromSeq })).close()
  await again.index.close()
  const without = await Past.open(13, { clock, checkpointRetention: 1 }, past.disk)
  await assert.rejects(openAt(past, { seq: fromSeq }), refusal('WALV_SEQUENCE_TRIMMED'))
  await without.index.close()
  // What is gone is not missed.
  const last = await Past.open(
    14,
    { clock, checkpointRetention: 1, history: { keepMs: 6 * HOUR } },
    past.disk,
  )
  await last.change(3)
  await last.index.checkpoint()
  assert.equal(last.index.stats().upkeepFailures, 0)
  await last.index.close()
})
