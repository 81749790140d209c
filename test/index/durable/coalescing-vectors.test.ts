import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  type DurableIndex,
  flat,
  openIndex,
  temporaryDirectory,
  type VectorIndex,
} from '../../support/kit.ts'

const DIMENSIONS = 4096
/** So many vectors of these dimensions are held back. */
const HELD = (16 * 1024 * 1024) / (4 * DIMENSIONS)

interface Calls {
  set: number
  remove: number
}

/** The flat index, counting what it is asked to do. `refuses`: what it throws for every vector. */
function counting(calls: Calls, refuses?: string): VectorIndex {
  const index = flat({ dimensions: DIMENSIONS })
  const overrides: Pick<VectorIndex, 'set' | 'remove'> = {
    set(label, vector) {
      if (refuses) throw new Error(refuses)
      calls.set++
      index.set(label, vector)
    },
    remove(label) {
      calls.remove++
      index.remove(label)
    },
  }
  return new Proxy(index, {
    get(target, name) {
      const value: unknown = Reflect.get(name in overrides ? overrides : target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

const vector = (first: number): Float32Array => Float32Array.from({ length: DIMENSIONS }, (_, i) => first + i)

async function written(
  t: TestContext,
  change: (index: DurableIndex) => Promise<void>,
): Promise<{ directory: string; fingerprint: string }> {
  const directory = await temporaryDirectory(t)
  const index = await openIndex(t, { directory, index: flat({ dimensions: DIMENSIONS }), durability: 'os' })
  await change(index)
  const fingerprint = index.fingerprint()
  await index.close()
  return { directory, fingerprint }
}

async function reopened(t: TestContext, directory: string): Promise<{ again: DurableIndex; calls: Calls }> {
  const calls = { set: 0, remove: 0 }
  const again = await openIndex(t, { directory, index: counting(calls) })
  return { again, calls }
}

test('of many vectors of one id the engine is given the last, and nothing of an id that is gone', async (t) => {
  const { directory, fingerprint } = await written(t, async (index) => {
    for (let round = 0; round < 20; round++) {
      for (const id of ['a', 'b', 'c']) await index.upsert(id, vector(round))
      await index.insert('short-lived', vector(round))
      await index.delete('short-lived')
    }
    await index.delete('b')
  })
  const { again, calls } = await reopened(t, directory)
  assert.deepEqual(calls, { set: 2, remove: 0 })
  assert.equal(again.fingerprint(), fingerprint)
  assert.deepEqual(again.get('c')?.vector, vector(19))
  assert.equal(again.recovery.replayed, 101)
})

test('what is in the index already, from a snapshot or because too much was held, is overwritten and removed in it', async (t) => {
  const { directory, fingerprint } = await written(t, async (index) => {
    await index.insert('kept', vector(1))
    await index.insert('changed', vector(2))
    await index.insert('removed', vector(3))
    await index.checkpoint()
    await index.upsert('changed', vector(4))
    await index.delete('removed')
    for (let i = 0; i < HELD; i++) await index.insert(`new-${i}`, vector(i))
    await index.upsert('changed', vector(5))
    await index.delete('new-0')
    await index.upsert('new-1', vector(-1))
  })
  const { again, calls } = await reopened(t, directory)
  // Full when the last of the new comes: all before goes in. The second change, what is new last
  // and what changed again follow.
  assert.deepEqual(calls, { set: HELD + 1 + 2, remove: 2 })
  assert.equal(again.fingerprint(), fingerprint)
  assert.deepEqual(again.get('changed')?.vector, vector(5))
  assert.deepEqual([again.has('removed'), again.has('new-0'), again.size], [false, false, 2 + HELD - 1])
})

test('an engine that refuses a vector that was held back fails the opening by name', async (t) => {
  const { directory } = await written(t, (index) => index.insert('a', vector(1)))
  const calls = { set: 0, remove: 0 }
  await assert.rejects(openIndex(t, { directory, index: counting(calls, 'The graph is full.') }), {
    code: 'WALV_INDEX_MISMATCH',
    message: /does not take a vector that was logged: The graph is full\. Open the directory/,
  })
})
