/** Cursors of a directory that several have open with `share`. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  type DurableIndex,
  type DurableIndexOptions,
  flat,
  type IndexChange,
  nextOf,
  openIndex,
  refusal,
  temporaryDirectory,
} from '../support/kit.ts'

const shared = (
  t: TestContext,
  directory: string,
  options: Partial<DurableIndexOptions> = {},
): Promise<DurableIndex> => {
  const settings = { segmentMaxBytes: 64 * 1024, checkpointIntervalEntries: false as const, share: true }
  return openIndex(t, { directory, index: flat({ dimensions: 2 }), ...settings, ...options })
}

async function take(changes: AsyncIterator<IndexChange>, count: number): Promise<string[]> {
  const ids: string[] = []
  for (let left = count; left > 0; left--) ids.push((await nextOf(changes)).id)
  return ids
}

const LARGE = { text: 'x'.repeat(20_000) }

test('a cursor goes on through a change of the lead, in the process that takes it over', async (t) => {
  const directory = await temporaryDirectory(t)
  const [leader, member] = [await shared(t, directory), await shared(t, directory)]
  const cursor = await member.cursor('mirror')
  const changes = member.changes({ cursor })
  for (const id of ['a', 'b', 'c']) await leader.upsert(id, [1, 1])
  assert.deepEqual(await take(changes, 2), ['a', 'b'])
  await cursor.commit()
  const third = await shared(t, directory)
  await assert.rejects(third.cursor('mirror'), refusal('WALV_LOCKED'))
  await leader.close()
  await third.upsert('d', [1, 1])
  await member.upsert('e', [1, 1])
  assert.deepEqual(await take(changes, 3), ['c', 'd', 'e'])
  await cursor.commit()
  const { position } = cursor
  await member.close()
  const again = await third.cursor('mirror')
  assert.equal(again.position, position)
  assert.deepEqual(await take(third.changes({ cursor: again }), 1), ['e'])
})

test('the leader keeps what the cursor of a member needs', async (t) => {
  const directory = await temporaryDirectory(t)
  const [leader, member] = [await shared(t, directory), await shared(t, directory)]
  const cursor = await member.cursor('mirror', { from: 'begin' })
  for (let round = 0; round < 4; round++) {
    for (let at = 0; at < 8; at++) await leader.upsert(`${round}-${at}`, [1, at], LARGE)
    await leader.checkpoint()
  }
  assert.equal(leader.stats().firstSeq, 0)
  assert.ok(leader.stats().cursorHeldBytes! > 0)
  const changes = member.changes({ cursor })
  await take(changes, 32)
  await cursor.commit()
  await leader.upsert('last', [1, 1])
  await leader.checkpoint()
  assert.ok(leader.stats().firstSeq > 0)
  assert.deepEqual(await take(changes, 1), ['last'])
})

test('a copy of what is there, and then the changes behind a cursor, are all of it', async (t) => {
  const directory = await temporaryDirectory(t)
  const [leader, member] = [await shared(t, directory), await shared(t, directory)]
  const writing = Promise.all(Array.from({ length: 200 }, (_, at) => leader.upsert(`id-${at}`, [at, 1])))
  const cursor = await member.cursor('mirror')
  const copy = new Map(Array.from(member.entries(), ([id, { vector }]) => [id, [...vector]]))
  await writing
  await leader.upsert('end', [0, 0])
  for await (const { id, vector, seq, isLast } of member.changes({ cursor })) {
    copy.set(id, [...vector!])
    if (isLast) await cursor.commit(seq)
    if (id === 'end') break
  }
  assert.deepEqual(copy, new Map(Array.from(leader.entries(), ([id, { vector }]) => [id, [...vector]])))
})

test('at a weaker level the position goes no further than the log is synced', async (t) => {
  const directory = await temporaryDirectory(t)
  const options = { durability: 'os' as const }
  const [leader, member] = [await shared(t, directory, options), await shared(t, directory, options)]
  const cursor = await member.cursor('mirror', { from: 'begin' })
  const changes = member.changes({ cursor })
  for (const id of ['a', 'b']) await leader.upsert(id, [1, 1])
  assert.deepEqual(await take(changes, 2), ['a', 'b'])
  await cursor.commit()
  assert.ok(cursor.position <= leader.stats().durableSeq)
  const own = await leader.cursor('own', { from: 'begin' })
  const told = leader.changes({ cursor: own })
  await take(told, 2)
  await own.commit(leader.stats().lastSeq)
  assert.equal(own.position, leader.stats().lastSeq)
  assert.equal(leader.stats().durableSeq, leader.stats().lastSeq)
})
