import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeSegmentHeader } from '../../src/format/segment.ts'
import { Random } from '../support/kit.ts'
import { SECTOR } from './damage-disk.ts'
import { flips, sampled } from './damage-kinds.ts'
import { closedLog, killedLog, largeLog, trimmedLog } from './damage-logs.ts'
import { FULL, suffer } from './damage-suite.ts'

const FEWER = { grouped: true, repairEvery: 97 }

test('a header in which any one bit is flipped does not verify', async () => {
  const { files, segments } = await closedLog()
  for (const { path } of segments) {
    const header = Buffer.from(files.get(path)!.subarray(0, SECTOR))
    assert.equal(decodeSegmentHeader(header).state, 'valid')
    for (let bit = 0; bit < SECTOR * 8; bit++) {
      header[bit >> 3]! ^= 1 << (bit & 7)
      assert.equal(decodeSegmentHeader(header).state, 'invalid', `bit ${bit} of ${path}`)
      header[bit >> 3]! ^= 1 << (bit & 7)
    }
  }
})

for (const make of [closedLog, trimmedLog]) {
  test(`${make.name}: any one bit flipped is harmless, or a loss that is named`, async () => {
    const original = await make()
    const { whole, loss } = await suffer(original, flips(original, FULL), FEWER)
    assert.ok(whole > 1_000 && loss > 1_000)
  })
}

test('killedLog: any one bit flipped is harmless, or a loss that is named, or in a record that nothing promises yet', async () => {
  const original = await killedLog()
  const { whole, loss, hidden } = await suffer(original, flips(original, FULL), { ...FEWER, may: ['hidden'] })
  assert.ok(whole > 500 && loss > 500 && hidden > 500)
})

test('largeLog: a bit flipped anywhere is harmless, or a loss that is named', async () => {
  const original = await largeLog()
  const harms = sampled(flips(original, false), FULL ? 0.1 : 0.001, new Random(1))
  const { loss } = await suffer(original, harms, FEWER)
  assert.ok(loss > 100)
})
