import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../support/kit.ts'
import {
  cuts,
  exchangedFiles,
  pairs,
  removedFiles,
  removedSnapshots,
  sampled,
  staleFiles,
} from './damage-kinds.ts'
import { closedLog, killedLog, largeLog, trimmedLog } from './damage-logs.ts'
import { checkForeign } from './damage-repair.ts'
import { FULL, suffer } from './damage-suite.ts'

const PAIRS = FULL ? 20_000 : 500

for (const make of [closedLog, trimmedLog, killedLog]) {
  test(`${make.name}: any file cut to any length is noticed`, async () => {
    const original = await make()
    const { loss, unknown, hidden } = await suffer(original, cuts(original, FULL), {
      may: ['unknown'],
      repairEvery: 37,
    })
    assert.ok(loss > 0 && unknown > 0 && hidden === 0)
  })

  test(`${make.name}: any file removed is noticed, but for the last segment`, async () => {
    const original = await make()
    const { loss, hidden } = await suffer(original, removedFiles(original), { may: ['hidden'] })
    assert.ok(loss > 0)
    assert.equal(hidden, 1)
  })

  test(`${make.name}: any file as it was earlier is harmless or noticed, but for the last segment`, async () => {
    const original = await make()
    const last = original.segments.at(-1)!.path
    const { loss, hidden } = await suffer(original, staleFiles(original), { may: ['hidden'] })
    assert.ok(loss > 0)
    assert.ok(hidden <= original.earlier.get(last)!.length)
  })

  test(`${make.name}: any two files exchanged by their names are noticed, and nothing is written`, async () => {
    const original = await make()
    const { unknown } = await suffer(original, exchangedFiles(original), { may: ['unknown'] })
    assert.ok(unknown > 0)
  })

  test(`${make.name}: a segment of another log in the place of one is noticed, and nothing is written`, async () => {
    const original = await make()
    for (const [path, strange] of original.strange) {
      const damaged = { files: new Map([...original.files, [path, strange]]), unreadable: [] }
      await checkForeign(damaged)
    }
    assert.equal(original.strange.size, original.segments.length)
  })

  test(`${make.name}: what two harms leave is told as it is`, async () => {
    const original = await make()
    const harms = pairs(original, PAIRS, new Random(3))
    const { whole, loss, unknown } = await suffer(original, harms, {
      may: ['unknown', 'hidden'],
      repairEvery: 5,
    })
    assert.ok(whole > 0 && loss > 0 && unknown > 0)
  })
}

for (const make of [closedLog, trimmedLog]) {
  test(`${make.name}: a snapshot removed as a whole is noticed, and no longer after a repair`, async () => {
    const original = await make()
    const { whole } = await suffer(original, removedSnapshots(original))
    assert.equal(whole, original.checkpoints.length)
  })
}

test('largeLog: any file cut anywhere is noticed', async () => {
  const original = await largeLog()
  const harms = sampled(cuts(original, false), FULL ? 0.1 : 0.003, new Random(4))
  const { loss, hidden } = await suffer(original, harms, { may: ['unknown'], repairEvery: 7 })
  assert.ok(loss > 0 && hidden === 0)
})
