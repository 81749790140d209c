import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type DurableIndex, flat, openIndex, SimulatedDisk } from '../../support/kit.ts'

const open = (t: TestContext, share: boolean): Promise<DurableIndex> =>
  openIndex(t, { directory: '/log', index: flat({ dimensions: 2 }), disk: new SimulatedDisk(), share })

for (const share of [false, true])
  test(`a change that takes effect is answered with nothing more, ${share ? 'shared' : 'alone'}`, async (t) => {
    const index = await open(t, share)
    const key = { idempotencyKey: 'k' }
    const answers: unknown[] = [
      await index.insert('a', [1, 0]),
      await index.upsert('a', [2, 0]),
      await index.update('a', { vector: [3, 0] }),
      await index.insert('b', [1, 0], null, key),
      await index.insert('b', [1, 0], null, key),
      await index.upsert('a', [4, 0], null, { ifSeq: index.get('a')!.seq }),
      await index.update('b', { metadata: 1 }, { ifSeq: index.get('b')!.seq }),
      await index.batch([{ type: 'upsert', id: 'c', vector: [1, 0] }]),
    ]
    assert.deepEqual(answers, new Array(answers.length).fill(undefined))
    assert.equal(await index.delete('a'), true)
  })
