/** What an opening is predicted to take, from what was measured. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type MeasuredOpening, openingsIn, RecoveryCost } from '../../../src/index/durable/recovery-cost.ts'

const MIB = 1024 * 1024
const NOTHING = { logBytes: 0, snapshotBytes: 0, snapshotVectors: 0, changes: 0 }

const opening = (measured: Partial<MeasuredOpening>): MeasuredOpening => ({
  ms: 0,
  logBytes: 0,
  logMs: 0,
  snapshotBytes: 0,
  snapshotMs: 0,
  changes: 0,
  replayMs: 0,
  applyMs: 0,
  ...measured,
})

test('an opening that has as much to do is predicted to take as long', () => {
  const own = opening({
    ms: 1000,
    logBytes: 8 * MIB,
    logMs: 100,
    snapshotBytes: 4 * MIB,
    snapshotMs: 200,
    changes: 5000,
    replayMs: 600,
    applyMs: 400,
  })
  const cost = new RecoveryCost(own, [])
  assert.equal(cost.openingMs({ ...own, snapshotVectors: 100 }), 1000)
})

test('more to replay takes what applying it took, and as much for reading each as before', () => {
  const own = opening({ ms: 700, changes: 5000, replayMs: 600, applyMs: 400 })
  const cost = new RecoveryCost(own, [])
  cost.noteApplied(10_000, 650)
  assert.equal(cost.replayMs(10_000), 600 + 250 + 5000 * (200 / 5000))
  assert.equal(cost.openingMs({ ...NOTHING, changes: 10_000 }), 700 + 250 + 200)
})

test('less to replay takes what it took up to there: the first changes are the dearest', () => {
  const own = opening({ ms: 650, changes: 5000, replayMs: 600, applyMs: 400 })
  const cost = new RecoveryCost(own, [
    [500, 200],
    [1000, 300],
  ])
  assert.deepEqual(
    [0, 250, 500, 1000, 3000, 5000].map((changes) => cost.replayMs(changes)),
    [0, 100, 200, 300, 450, 600],
  )
  assert.equal(cost.openingMs(NOTHING), 50)
})

test('a process that opened an empty directory measures what its own first changes take', () => {
  const cost = new RecoveryCost(opening({ ms: 40 }), [])
  for (const [changes, ms] of [
    [100, 50],
    [1000, 200],
    [10_000, 500],
  ] as const)
    cost.noteApplied(changes, ms)
  assert.deepEqual(
    [50, 100, 550, 10_000].map((changes) => cost.openingMs({ ...NOTHING, changes })),
    [65, 90, 165, 540],
  )
  assert.equal(cost.knowsReading, false)
  cost.noteReading(1000, 20)
  assert.equal(cost.knowsReading, true)
  assert.equal(cost.openingMs({ ...NOTHING, changes: 10_000 }), 540 + 200)
})

test('a log that grew and another snapshot take what each of their bytes took', () => {
  const own = opening({
    ms: 1000,
    logBytes: 10 * MIB,
    logMs: 100,
    snapshotBytes: 20 * MIB,
    snapshotMs: 400,
  })
  const cost = new RecoveryCost(own, [])
  const larger = { ...NOTHING, logBytes: 15 * MIB, snapshotBytes: 30 * MIB }
  assert.equal(Math.round(cost.openingMs(larger)), 1000 + 50 + 200)
  const smaller = { ...NOTHING, logBytes: 0, snapshotBytes: 0 }
  assert.equal(cost.openingMs(smaller), 500)
})

test('what this opening had too little of is taken from those before', () => {
  const own = opening({ ms: 30, logBytes: 1000, logMs: 10, changes: 5, replayMs: 1, applyMs: 1 })
  const before = opening({
    ms: 730,
    logBytes: 1000,
    logMs: 10,
    snapshotBytes: 10 * MIB,
    snapshotMs: 500,
    changes: 2000,
    replayMs: 200,
    applyMs: 100,
  })
  const alone = new RecoveryCost(own, [])
  assert.deepEqual([alone.knowsReading, alone.knowsLoading], [false, false])
  const cost = new RecoveryCost(own, [], [before])
  assert.deepEqual([cost.knowsReading, cost.knowsLoading], [true, true])
  const grown = { ...NOTHING, logBytes: 1000, snapshotBytes: 10 * MIB, changes: 5 }
  assert.ok(cost.openingMs(grown) > 500)
})

test('a snapshot that nobody has loaded is taken for as many changes', () => {
  const cost = new RecoveryCost(opening({ ms: 40 }), [])
  cost.noteApplied(1000, 200)
  assert.equal(cost.openingMs({ ...NOTHING, snapshotBytes: MIB, snapshotVectors: 1000 }), 240)
})

test('what does not depend on the amount is told apart where openings differ enough', () => {
  const small = opening({ ms: 60, snapshotBytes: 2 * MIB, snapshotMs: 60 })
  const large = opening({ ms: 240, snapshotBytes: 20 * MIB, snapshotMs: 240 })
  const cost = new RecoveryCost(small, [], [large])
  assert.equal(Math.round(cost.openingMs({ ...NOTHING, snapshotBytes: 11 * MIB })), 150)
})

test('openings before have as much say as this one in how quick the machine is', () => {
  const own = opening({ ms: 100, changes: 2000, replayMs: 100, applyMs: 100 })
  const cost = new RecoveryCost(own, [], [{ ...own, ms: 140 }])
  assert.equal(cost.openingMs({ ...NOTHING, changes: 2000 }), 120)
})

test('of several openings one that was very slow changes nothing', () => {
  const own = opening({ ms: 1000, changes: 2000, replayMs: 100, applyMs: 100 })
  const earlier = [490, 500, 510, 520].map((ms) => ({ ...own, ms }))
  const cost = new RecoveryCost(own, [], earlier)
  assert.equal(cost.openingMs({ ...NOTHING, changes: 2000 }), 510)
})

test('a change that others interrupt is not taken for more than half as much again as one that was replayed', () => {
  const own = opening({ ms: 500, changes: 2000, replayMs: 200, applyMs: 100 })
  const cost = new RecoveryCost(own, [])
  cost.noteApplied(3000, 2000)
  assert.equal(cost.replayMs(3000), 200 + 1.5 * 50 + 1000 * (100 / 2000))
  const few = new RecoveryCost(opening({ ms: 5, changes: 10, replayMs: 2, applyMs: 1 }), [])
  few.noteApplied(3000, 2000)
  assert.ok(few.replayMs(3000) > 2000, 'of few replayed nothing is known')
})

test('a checkpoint tells of the last four openings, and what it tells otherwise is passed over', () => {
  const own = opening({ ms: 12.345, changes: 3 })
  const before = [1, 2, 3, 4].map((ms) => opening({ ms }))
  const { kept } = new RecoveryCost(own, [], before)
  assert.deepEqual(
    openingsIn(kept).map(({ ms }) => ms),
    [12.3, 1, 2, 3],
  )
  for (const wrong of [
    undefined,
    null,
    'x',
    {},
    [null],
    [{ ms: 1 }],
    [{ ...own, ms: -1 }],
    [{ ...own, ms: 'x' }],
  ])
    assert.deepEqual(openingsIn(wrong as never), [])
})
