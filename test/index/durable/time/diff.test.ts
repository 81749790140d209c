import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collect, type Difference, DurableIndex, Random, refusal } from '../../../support/kit.ts'
import { DIRECTORY, Past, vectors } from './past.ts'

/** What two contents differ in, by comparing all of both. */
function expected(from: ReadonlyMap<string, string>, to: ReadonlyMap<string, string>): string[] {
  const ids = new Set([...from.keys(), ...to.keys()])
  return [...ids]
    .filter((id) => from.get(id) !== to.get(id))
    .map((id) => `${id} ${from.has(id) ? (to.has(id) ? 'changed' : 'removed') : 'added'}`)
    .toSorted()
}

const texts = (found: readonly Difference[]): string[] =>
  found.map(({ id, change }) => `${id} ${change}`).toSorted()

for (const seed of [31, 32])
  test(`two moments differ in what their contents do, whichever comes first (seed ${seed})`, async () => {
    const past = await Past.open(seed)
    for (let round = 0; round < 3; round++) {
      await past.change(15)
      await past.index.checkpoint()
      past.note()
    }
    const { lastSeq } = past.index.stats()
    const random = new Random(seed)
    for (let time = 0; time < 60; time++) {
      const from = random.below(lastSeq + 2) - 1
      const to = random.below(lastSeq + 2) - 1
      const found = await collect(past.index.diff({ seq: from }, { seq: to }))
      assert.deepEqual(
        texts(found),
        expected(past.contentAfter(from), past.contentAfter(to)),
        `${from} to ${to}`,
      )
    }
    const toNow = await collect(past.index.diff({ seq: 10 }))
    assert.deepEqual(texts(toNow), expected(past.contentAfter(10), past.contentAfter(lastSeq)))
    await past.index.close()
  })

test('moments may be times, also one of each kind', async () => {
  let now = 1_000
  const past = await Past.open(33, { clock: () => now })
  const at = new Map<number, number>()
  for (; now < 3_000; now += 100) {
    await past.change(2)
    at.set(now, past.index.stats().lastSeq)
  }
  for (const [from, to] of [
    [1_000, 2_900],
    [2_500, 1_250],
    [0, 1_500],
  ] as const) {
    const seqs = [from, to].map((time) => at.get(time - (time % 100)) ?? -1) as [number, number]
    const contents = seqs.map((seq) => past.contentAfter(seq)) as [Map<string, string>, Map<string, string>]
    const found = await collect(past.index.diff({ time: from }, { time: new Date(to) }))
    assert.deepEqual(texts(found), expected(...contents))
    const mixed = await collect(past.index.diff({ time: from }, { seq: seqs[1] }))
    assert.deepEqual(texts(mixed), expected(...contents))
  }
  await past.index.close()
})

test('what an index that was opened at a moment differs in ends there', async () => {
  const past = await Past.open(34)
  await past.change(20)
  const { lastSeq: seq } = past.index.stats()
  await past.change(20)
  await using index = await DurableIndex.openAt({
    directory: DIRECTORY,
    disk: past.disk,
    index: vectors(),
    seq,
  })
  assert.deepEqual(
    texts(await collect(index.diff({ seq: 5 }))),
    expected(past.contentAfter(5), past.contentAfter(seq)),
  )
  await past.index.close()
})

test('what is no moment, and one that is not there yet, are refused', async () => {
  const past = await Past.open(35)
  await past.change(2)
  assert.throws(() => past.index.diff({} as never), refusal('WALV_INVALID_OPTION'))
  assert.throws(() => past.index.diff({ seq: 0 }, { time: Number.NaN }), refusal('WALV_INVALID_OPTION'))
  await assert.rejects(collect(past.index.diff({ seq: 0 }, { seq: 1_000 })), refusal('WALV_NOT_FOUND'))
  const aborted = { signal: AbortSignal.abort() }
  await assert.rejects(collect(past.index.diff({ seq: 0 }, undefined, aborted)), refusal('WALV_ABORTED'))
  await past.index.close()
  assert.throws(() => past.index.diff({ seq: 0 }), refusal('WALV_CLOSED'))
})

test('a snapshot in which any bit is flipped is not where a difference begins', async () => {
  const past = await Past.open(36, { checkpointRetention: 100 })
  for (let round = 0; round < 3; round++) {
    await past.change(6)
    await past.index.checkpoint()
    past.note()
  }
  const seq = past.index.stats().lastSeq
  await past.change(6)
  const wanted = await collect(past.index.diff({ seq }))
  assert.ok(wanted.length > 1)
  const name = (await past.disk.list(`${DIRECTORY}/snapshots`))
    .map((entry) => entry.name)
    .sort()
    .at(-1)!
  const path = `${DIRECTORY}/snapshots/${name}/vectors.walvflat`
  const file = await past.disk.open(path, 'read')
  const bytes = await file.size()
  await file.close()
  for (let at = 0; at < bytes; at++) {
    past.disk.flipBit(path, at)
    assert.deepEqual(await collect(past.index.diff({ seq })), wanted, `byte ${at}`)
    past.disk.flipBit(path, at)
  }
  await past.index.close()
})
