import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  type DurableIndex,
  flat,
  openIndex,
  refusal,
  SimulatedDisk,
  type WalError,
} from '../../support/kit.ts'

const open = (t: TestContext, share: boolean): Promise<DurableIndex> =>
  openIndex(t, { directory: '/log', index: flat({ dimensions: 2 }), disk: new SimulatedDisk(), share })

for (const share of [false, true])
  test(`of calls within transactions of each other's keys one is refused, and nobody waits, ${share ? 'shared' : 'alone'}`, async (t) => {
    const index = await open(t, share)
    /** Under a key, and then within it under another, once all are there. */
    const nested = async (keys: readonly string[]): Promise<PromiseSettledResult<unknown>[]> => {
      let begun = 0
      let go!: () => void
      const all = new Promise<void>((resolve) => {
        go = resolve
      })
      const call = (key: string, other: string): Promise<unknown> =>
        index.transaction(
          async (transaction) => {
            if (++begun === keys.length) go()
            await all
            await index.upsert(`within ${key}`, [1, 0], null, { idempotencyKey: other })
            await transaction.upsert(key, [1, 0])
          },
          { idempotencyKey: key },
        )
      return Promise.allSettled(keys.map((key, place) => call(key, keys[(place + 1) % keys.length]!)))
    }
    for (const keys of [
      ['a', 'b'],
      ['c', 'd', 'e'],
    ]) {
      const errors = (await nested(keys)).flatMap((result) =>
        result.status === 'rejected' ? [result.reason as WalError] : [],
      )
      for (const error of errors) refusal('WALV_CONFLICT', 'not-logged')(error)
      // What failed has not used up its key, for whoever waited for it. What took effect has.
      assert.equal(errors.filter(({ message }) => /each would wait for the other/.test(message)).length, 1)
      assert.equal(keys.filter((key) => index.has(key)).length, keys.length - errors.length)
      assert.equal(errors.length, keys.length - 1)
    }
  })
