import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FoundCheckpoint } from '../../../src/log/checkpoint/found-checkpoint.ts'
import { planOf } from '../../../src/log/checkpoint/history.ts'
import type { SegmentExtent } from '../../../src/log/segment/segment-scan.ts'

const SEGMENT_BYTES = 1_000

/** One each hundred records, taken a hundred milliseconds after the other. */
const checkpoints = (count: number, bytes = 100): FoundCheckpoint[] =>
  Array.from({ length: count }, (_, at) => {
    const seq = 100 * (at + 1)
    const files = [{ name: 'file', bytes, sha256: '' }]
    const snapshot = { name: `snapshot-${seq}`, files, info: null }
    return {
      seq: seq + 1,
      timestamp: seq,
      entry: { type: 'checkpoint', sequenceNumber: seq, replayFrom: seq + 1, snapshot },
    }
  })

/** Of fifty records each. */
const segments = (count: number): SegmentExtent[] =>
  Array.from({ length: count }, (_, at) => ({
    firstSeq: 50 * at,
    supersededFrom: at === count - 1 ? Number.POSITIVE_INFINITY : 50 * (at + 1),
    bytes: SEGMENT_BYTES,
  })) as SegmentExtent[]

const NO_END = Number.POSITIVE_INFINITY

function plan(
  keepMs: number,
  keepBytes: number,
  { now = 1_000, found = checkpoints(10), extents = segments(20), atMost = 2 } = {},
): { from: number; kept: number[]; bytes: number } {
  const { kept, floorSeq, bytes } = planOf(found, extents, atMost, { keepMs, keepBytes }, now)
  return { from: floorSeq, kept: kept.map(({ entry }) => entry.sequenceNumber), bytes }
}

test('what is kept begins at the newest checkpoint that is old enough', () => {
  assert.deepEqual(plan(450, NO_END), {
    from: 501,
    kept: [500, 600, 700, 800, 900, 1000],
    // Eight segments end behind record 500 and not behind 900; and four snapshots.
    bytes: 4 * 100 + 8 * SEGMENT_BYTES,
  })
  assert.deepEqual(plan(500, NO_END).kept.at(0), 500)
  assert.deepEqual(plan(501, NO_END).kept.at(0), 400)
})

test('where none is old enough, all of the log is kept', () => {
  assert.equal(plan(10_000, NO_END).from, 0)
  assert.equal(plan(10_000, NO_END).kept.length, 10)
})

test('what checkpointRetention keeps stays, however old it is and however many bytes it has', () => {
  const least = { from: 901, kept: [900, 1000], bytes: 0 }
  assert.deepEqual(plan(1, NO_END, { now: 1e9 }), least)
  assert.deepEqual(plan(NO_END, 0), least)
})

test('nothing is let go of before there are as many checkpoints as should be kept', () => {
  assert.deepEqual(plan(1, 0, { atMost: 20 }), { from: 0, kept: plan(NO_END, NO_END).kept, bytes: 0 })
})

test('it takes at most so many bytes, snapshots included', () => {
  for (let limit = 0; limit < 25_000; limit += 500) {
    const { bytes, kept } = plan(NO_END, limit)
    assert.ok(bytes <= limit)
    // The next older one would not have fit in.
    if (kept.length < 10) assert.ok(plan(1_000 - (kept[0]! - 100), NO_END).bytes > limit, `${limit}`)
  }
})

test('both limits hold', () => {
  assert.deepEqual(plan(450, 3_000), plan(NO_END, 3_000))
  assert.deepEqual(plan(150, 1e6), plan(150, NO_END))
})

test('large snapshots with little of the log between them are thinned out', () => {
  const found = checkpoints(10, 5_000)
  const { kept, bytes } = plan(850, NO_END, { found })
  assert.deepEqual(kept, [100, 400, 700, 900, 1000])
  assert.ok(bytes - 3 * 5_000 >= 2 * 5_000)
})
