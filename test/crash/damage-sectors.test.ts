import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../support/kit.ts'
import {
  sampled,
  staleSectors,
  strayFrames,
  swappedSectors,
  unreadableSectors,
  zeroedRuns,
  zeroedSectors,
} from './damage-kinds.ts'
import { closedLog, killedLog, largeLog, longLog, type Original, trimmedLog } from './damage-logs.ts'
import type { Outcome } from './damage-oracle.ts'
import { FULL, suffer } from './damage-suite.ts'

/** What nothing promises yet may go without a trace. */
const mayOf = ({ name }: Original): Outcome[] => (name === 'killed' ? ['hidden'] : [])

for (const make of [closedLog, trimmedLog, killedLog]) {
  test(`${make.name}: of any run of sectors zeroed, what anything left promises is named`, async () => {
    const original = await make()
    const { loss, hidden } = await suffer(original, zeroedRuns(original), {
      may: ['hidden', 'unknown'],
      repairEvery: 5,
    })
    assert.ok(loss > 0 && hidden > 0)
  })
}

for (const make of [closedLog, trimmedLog, killedLog, longLog, largeLog]) {
  const repairEvery = (make === longLog || make === largeLog) && !FULL ? 5 : 1

  test(`${make.name}: any sector zeroed is harmless, or a loss that is named`, async () => {
    const original = await make()
    const { whole, loss } = await suffer(original, zeroedSectors(original), {
      may: mayOf(original),
      repairEvery,
    })
    assert.ok(whole > 0 && loss > 0)
  })

  test(`${make.name}: any sector that cannot be read is passed by, and what is in it is not given up`, async () => {
    const original = await make()
    const { whole, loss } = await suffer(original, unreadableSectors(original), {
      may: ['unknown'],
      repairEvery,
    })
    assert.ok(whole > 0 && loss > 0)
  })

  test(`${make.name}: any sector as it was before a write that was lost is harmless, or a loss that is named`, async () => {
    const original = await make()
    const { loss } = await suffer(original, staleSectors(original), { may: mayOf(original), repairEvery })
    assert.ok(loss > 0)
  })

  test(`${make.name}: any two sectors exchanged are harmless, or a loss that is named`, async () => {
    const original = await make()
    const share = make === largeLog && !FULL ? 0.1 : 1
    const harms = sampled(swappedSectors(original), share, new Random(2))
    const { whole, loss } = await suffer(original, harms, { may: mayOf(original), repairEvery })
    assert.ok(whole > 0 && loss > 0)
  })

  test(`${make.name}: any frame with another one over it is a loss that is named, and the other never shows`, async () => {
    const original = await make()
    // A large frame destroys all that is behind it.
    const may: Outcome[] = make === largeLog ? ['hidden'] : mayOf(original)
    const share = make === longLog && !FULL ? 0.1 : 1
    const harms = sampled(strayFrames(original), share, new Random(5))
    const { loss } = await suffer(original, harms, { may, grouped: true, repairEvery: FULL ? 1 : 15 })
    assert.ok(loss > 0)
  })
}
