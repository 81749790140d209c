import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { movesHome, type Placed, placesOf } from '../../src/doctor/misplaced.ts'
import { encodeSegmentHeader, segmentName, segmentNumber } from '../../src/format/segment.ts'
import { CRAFTED_LOG_ID, putFile, SimulatedDisk } from '../support/kit.ts'

test('Where a segment belongs is said by the copy of its header with the number of its name, else by the first that is whole', async () => {
  const disk = new SimulatedDisk()
  const names = [1, 2, 3, 4, 5, 6].map(segmentName)
  const copy = (number: number): Buffer => {
    const fields = { firstSeq: 0, durableBefore: 0, createdAt: 0, capacity: 4096, previous: 0 }
    return encodeSegmentHeader({ logId: CRAFTED_LOG_ID, number, ...fields }).subarray(0, 512)
  }
  const junk = Buffer.alloc(512, 7)
  const headers = [
    [copy(1), junk],
    [junk, copy(2)],
    [copy(9), copy(3)],
    [copy(8), copy(7)],
    [junk, junk],
    [copy(6), copy(6)],
  ]
  for (const [place, header] of headers.entries())
    await putFile(disk, `/log/${names[place]}`, Buffer.concat(header))
  disk.breakSector(`/log/${names[5]}`, 0)
  const logId = CRAFTED_LOG_ID.toString('hex')
  assert.deepEqual(await placesOf(disk, '/log', [...names, segmentName(77)]), [
    { name: names[0], logId, number: 1 },
    { name: names[1], logId, number: 2 },
    { name: names[2], logId, number: 3 },
    { name: names[3], logId, number: 8 },
  ])
})

/** Carries the moves out on names alone. */
function moved(present: readonly string[], misnamed: readonly Placed[]): Map<string, string> {
  const at = new Map(present.map((name) => [name, name]))
  for (const { from, to } of movesHome(misnamed, present)) {
    assert.ok(at.has(from), `${from} is not there`)
    assert.ok(!at.has(to), `${to} would be overwritten`)
    at.set(to, at.get(from)!)
    at.delete(from)
  }
  return at
}

test('Files that have one another’s names get their own, and none is ever overwritten', () => {
  const permuted = fc
    .uniqueArray(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 12 })
    .chain((numbers) =>
      fc.tuple(fc.constant(numbers), fc.shuffledSubarray(numbers, { minLength: numbers.length })),
    )
  fc.assert(
    fc.property(permuted, ([numbers, shuffled]) => {
      const placed = numbers.map((number, at) => ({
        name: segmentName(number),
        logId: 'x',
        number: shuffled[at]!,
      }))
      const misnamed = placed.filter(({ name, number }) => name !== segmentName(number))
      const at = moved(
        placed.map(({ name }) => name),
        misnamed,
      )
      for (const { name, number } of placed) assert.equal(at.get(segmentName(number)), name)
    }),
  )
})

test('A second copy of a file gets a name that nobody reads', () => {
  const present = [1, 2, 7, 8].map(segmentName)
  const at = moved(present, [
    { name: segmentName(7), logId: 'x', number: 2 },
    { name: segmentName(8), logId: 'x', number: 3 },
  ])
  assert.equal(at.get(segmentName(3)), segmentName(8))
  assert.deepEqual(
    [...at.keys()].filter((name) => segmentNumber(name) === undefined),
    [`${segmentName(7)}.copy`],
  )
})
