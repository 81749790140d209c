/** Who takes the lead goes on with what it has read: it reads nothing of it again. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { segmentName } from '../../src/format/segment.ts'
import { alter, DurableIndex, flat, openIndex, refusal, temporaryDirectory } from '../support/kit.ts'

const TEXT = 'x'.repeat(2_000)

/** A leader that has filled several segments, and a member that has read them. */
async function leaderAndMember(
  t: TestContext,
): Promise<{ directory: string; leader: DurableIndex; member: DurableIndex }> {
  const directory = await temporaryDirectory(t)
  const open = (): Promise<DurableIndex> =>
    openIndex(t, {
      directory,
      index: flat({ dimensions: 2 }),
      share: true,
      segmentMaxBytes: 64 * 1024,
      checkpointIntervalEntries: false,
    })
  const leader = await open()
  for (let at = 0; at < 200; at++) await leader.insert(`id-${at}`, [at, 1], { text: TEXT })
  assert.ok(leader.stats().segments > 2, `${leader.stats().segments} segments`)
  return { directory, leader, member: await open() }
}

/** One byte of the first record. */
const damageFirst = (directory: string): Promise<void> =>
  alter(join(directory, segmentName(1)), (content) => {
    content[1200]! ^= 1
    return undefined
  })

test('a successor goes on beside damage that the leader before would not have read either', async (t) => {
  const { directory, leader, member } = await leaderAndMember(t)
  await damageFirst(directory)
  await leader.close()
  await member.insert('behind', [1, 1])
  assert.deepEqual([member.role, member.size], ['leader', 201])
  await member.close()
  // The next that has not read the log finds it, and says so.
  const opening = DurableIndex.open({ directory, index: flat({ dimensions: 2 }) })
  await assert.rejects(opening, refusal('WALV_DAMAGED'))
})

test('a successor keeps the transactions and the checkpoint that it has read of', async (t) => {
  const { directory, leader, member } = await leaderAndMember(t)
  await leader.checkpoint()
  await leader.transaction(async (transaction) => {
    for (let at = 0; at < 50; at++) await transaction.upsert(`id-${at}`, [at, 2], { text: TEXT })
  })
  await leader.close()
  await member.insert('behind', [1, 1])
  await member.checkpoint()
  assert.deepEqual([member.role, member.stats().checkpoints], ['leader', 2])
  const fingerprint = member.fingerprint()
  await member.close()
  const again = await openIndex(t, { directory, index: flat({ dimensions: 2 }) })
  assert.deepEqual([again.fingerprint(), again.recovery.replayed], [fingerprint, 0])
})
