import assert from 'node:assert/strict'
import type { WalError } from '../../errors.ts'
import type { Checks } from './case.ts'
import { type IndexSubject, vectorsFor } from './index-subject.ts'

/** So many that an approximate index works with more than a comparison of all. */
const MANY = 1_200
const STEP = 300
const QUERIES = 10

/**
 * What goes on in the background of an index. One that has nothing there passes as it passes the
 * rest.
 */
export const indexLag: Checks<IndexSubject> = {
  async 'what is set is found at once, and no less when the index has caught up'(subject) {
    const pair = await subject.makePair()
    const { index } = pair
    const queries = vectorsFor(index, QUERIES, 2)
    const vectors = vectorsFor(index, MANY)
    for (let from = 0; from < MANY; from += STEP) {
      for (let label = from; label < from + STEP; label++) pair.set(label, vectors[label]!)
      const last = vectors[from + STEP - 1]!
      await pair.check(...queries, last)
      if (from === STEP) await index.caughtUp?.()
    }
    await index.caughtUp?.()
    assert.equal(index.lag ?? 0, 0, 'it has caught up, and lags')
    await pair.check(...queries)
    for (let label = 0; label < MANY; label += 3) pair.remove(label)
    for (let label = 1; label < MANY; label += 3) pair.set(label, vectors[MANY - label]!)
    await pair.check(...queries)
    await index.caughtUp?.()
    await pair.check(...queries)
  },

  async 'a snapshot has everything, whether the index lags or has caught up'(subject) {
    const pair = await subject.makePair()
    const { index } = pair
    for (const [label, vector] of vectorsFor(index, MANY).entries()) {
      pair.set(label, vector)
      if (label === MANY >> 1) await index.caughtUp?.()
    }
    for (const isAwaited of [false, true]) {
      if (isAwaited) await index.caughtUp?.()
      const folder = await subject.folder()
      const frozen = index.freeze()
      await frozen.save(folder)
      frozen.release()
      const copy = await subject.makePair()
      for (const [label, vector] of pair.contents) copy.contents.set(label, vector)
      await copy.index.load(folder)
      await copy.check(...vectorsFor(index, QUERIES, 2))
      await copy.index.caughtUp?.()
      await copy.check(...vectorsFor(index, QUERIES, 2))
    }
  },

  async 'closing ends what goes on, and tells those who wait for it'(subject) {
    const { index } = await subject.makePair()
    for (const [label, vector] of vectorsFor(index, MANY).entries()) index.set(label, vector)
    const told = index.caughtUp?.().then(
      () => 'WALV_CLOSED',
      ({ code }: WalError) => code,
    )
    await index.close?.()
    assert.equal((await told) ?? 'WALV_CLOSED', 'WALV_CLOSED')
    await index.close?.()
  },
}
