/**
 * Opening where the engine is slow: what it tells, whom it lets go first, and how the next one gets
 * quicker.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  type DurableIndex,
  type DurableIndexOptions,
  flat,
  names,
  openIndex,
  temporaryDirectory,
  until,
  type VectorIndex,
} from '../../support/kit.ts'

const COUNT = 60
/** Longer than any one stretch of work may last. */
const SET_MS = 11

/** The flat index, but for what happens before each vector is set. */
function watched(onSet: () => void, kind = 'flat'): VectorIndex {
  const index = flat({ dimensions: 2 })
  return new Proxy(index, {
    get(target, name) {
      if (name === 'kind') return kind
      if (name === 'set')
        return (label: number, vector: Float32Array) => {
          onSet()
          target.set(label, vector)
        }
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function spin(milliseconds: number): void {
  for (const began = performance.now(); performance.now() - began < milliseconds; );
}

/** Once, as long as many vectors take. */
function slowOnce(milliseconds: number): () => void {
  let isSlow = true
  return () => {
    if (isSlow) spin(milliseconds)
    isSlow = false
  }
}

const open = (
  t: TestContext,
  directory: string,
  options: Partial<DurableIndexOptions> = {},
): Promise<DurableIndex> => openIndex(t, { directory, index: flat({ dimensions: 2 }), ...options })

async function written(t: TestContext, takesCheckpoint = false): Promise<string> {
  const directory = await temporaryDirectory(t)
  const index = await open(t, directory)
  await Promise.all(names('id', COUNT).map((id, at) => index.insert(id, [at, 1])))
  if (takesCheckpoint) await index.checkpoint()
  await index.close()
  return directory
}

for (const [what, takesCheckpoint] of [
  ['the log', false],
  ['the snapshot of another engine', true],
] as const) {
  test(`an index that is filled from ${what} lets the event loop go on, and tells all of its time and its progress`, async (t) => {
    const directory = await written(t, takesCheckpoint)
    let turns = 0
    const turn = (): void => {
      turns++
      immediate = setImmediate(turn)
    }
    let immediate = setImmediate(turn)
    t.after(() => clearImmediate(immediate))
    const turnsAtSets: number[] = []
    const told: { done: number; total: number; sets: number }[] = []
    const onSet = (): void => {
      turnsAtSets.push(turns)
      spin(SET_MS)
    }
    const index = await open(t, directory, {
      index: watched(onSet, 'slow'),
      onProgress: (done, total) => told.push({ done, total, sets: turnsAtSets.length }),
    })
    assert.equal(turnsAtSets.length, COUNT)
    assert.ok(new Set(turnsAtSets).size >= COUNT - 2, `${new Set(turnsAtSets).size} turns of the event loop`)
    assert.ok(index.recovery.durationMs >= COUNT * SET_MS, `${index.recovery.durationMs} ms`)
    const last = told.at(-1)!
    assert.deepEqual([last.done, last.sets], [last.total, COUNT])
    assert.deepEqual(
      told.map(({ done }) => done),
      told.map(({ done }) => done).toSorted((a, b) => a - b),
    )
    const shares = told.map(({ done, total }) => done / Math.max(1, total))
    assert.deepEqual(
      shares.toSorted((a, b) => a - b),
      shares,
      'nor does its share of the total go back',
    )
    assert.ok(
      new Set(told.filter(({ sets }) => sets > 0).map(({ done }) => done)).size > COUNT / 4,
      'it moves on',
    )
  })
}

test('closing takes a checkpoint where the next opening would take long', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await open(t, directory, { index: watched(slowOnce(1_050)) })
  await index.insert('a', [1, 2])
  const last = index.insert('b', [1, 2])
  await index.close()
  await last
  const { recovery } = await open(t, directory)
  assert.deepEqual([recovery.fromSnapshot, recovery.replayed], [2, 0])
})

test('closing takes none where opening is quick, nor where automatic ones are off', async (t) => {
  const directory = await written(t)
  const off = await open(t, directory, { index: watched(slowOnce(1_050)), checkpointIntervalEntries: false })
  await off.close()
  const again = await open(t, directory)
  assert.equal(again.recovery.fromSnapshot, 0)
})

/** The flat index, as if so many milliseconds had gone into a graph for it. */
const withGraph = (workMs: () => number): VectorIndex =>
  new Proxy(flat({ dimensions: 2 }), {
    get(target, name) {
      if (name === 'workMs') return workMs()
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

test('closing takes a checkpoint where a graph takes longer to be built again', async (t) => {
  for (const [workMs, atCheckpoint, options, expected] of [
    [90, undefined, {}, 0],
    [10_000, undefined, {}, 2],
    [10_000, undefined, { checkpointIntervalEntries: false }, 0],
    [10_000, 9_950, {}, 1],
    [20_000, 10_000, {}, 2],
  ] as const) {
    const directory = await temporaryDirectory(t)
    let spentMs: number = atCheckpoint ?? workMs
    const index = await open(t, directory, { index: withGraph(() => spentMs), ...options })
    await index.insert('a', [1, 2])
    if (atCheckpoint !== undefined) await index.checkpoint()
    await index.insert('b', [1, 2])
    spentMs = workMs
    await index.close()
    const { recovery } = await open(t, directory)
    assert.equal(recovery.fromSnapshot, expected, `${workMs} ms, ${atCheckpoint} at the checkpoint`)
  }
})

test('an opening that had to replay for long takes a checkpoint, unless it is read-only', async (t) => {
  const directory = await written(t)
  const reader = await open(t, directory, { index: watched(slowOnce(1_050)), readOnly: true })
  await reader.close()
  const index = await open(t, directory, { index: watched(slowOnce(1_050)) })
  await until(() => index.stats().checkpoints === 1)
  await index.close()
  assert.equal((await open(t, directory)).recovery.fromSnapshot, COUNT)
})

test('an opening that is aborted while the index is filled says so, and leaves nothing behind', async (t) => {
  const directory = await written(t)
  const controller = new AbortController()
  const index = watched(() => {
    spin(SET_MS)
    controller.abort()
  })
  await assert.rejects(open(t, directory, { index, signal: controller.signal }), { code: 'WALV_ABORTED' })
  assert.equal(index.size, 0)
  assert.equal((await open(t, directory)).size, COUNT)
})
