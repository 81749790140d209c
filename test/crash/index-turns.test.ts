import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DurableIndex, explore, flat, type SimulatedDisk } from '../support/kit.ts'

const CHANGES = 200
/** So large that 64 of them are written and synced in two calls, and others written in between. */
const DIMENSIONS = 256

const opened = (disk: SimulatedDisk): Promise<DurableIndex> =>
  DurableIndex.open({ directory: '/index', index: flat({ dimensions: DIMENSIONS }), disk })

/** So many in flight that some are written while others are synced, and others applied. */
async function insertAll(disk: SimulatedDisk, witness: (acknowledged: number) => void): Promise<void> {
  const index = await opened(disk)
  let acknowledged = 0
  const insert = (n: number): Promise<void> =>
    index.insert(`doc-${n}`, new Float32Array(DIMENSIONS).fill(n + 1), { n }).then(() => {
      assert.equal(n, acknowledged, 'they are acknowledged in their order')
      acknowledged++
      witness(acknowledged)
    })
  await Promise.all(Array.from({ length: CHANGES }, (_, n) => insert(n)))
  await index.close()
}

async function verify(disk: SimulatedDisk, acknowledged = 0): Promise<void> {
  const index = await opened(disk)
  assert.ok(index.size >= acknowledged, `${acknowledged} were acknowledged, ${index.size} are there`)
  for (let n = 0; n < index.size; n++)
    assert.deepEqual(index.get(`doc-${n}`)?.metadata, { n }, `doc-${n} is missing before a later one`)
  await index.close()
}

test('power is cut while changes of an index take turns: what is there is a beginning, with all that was acknowledged', async () => {
  for (const seed of [1, 2, 3]) {
    const { violations, states } = await explore<number>({
      seed,
      disk: { maxLatencyTurns: 3 },
      run: insertAll,
      verify,
    })
    assert.deepEqual(
      violations.map(({ error }) => error.message),
      [],
      `seed ${seed}`,
    )
    assert.ok(states > 20, `${states} states`)
  }
})
