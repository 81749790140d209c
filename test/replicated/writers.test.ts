import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FrameHeader, KINDS } from '../../src/replicated/frame.ts'
import { MAX_WRITERS, Writers } from '../../src/replicated/writers.ts'

const idOf = (number: number): string => number.toString(16).padStart(32, '0')

const frame = (writer: number, rest: Partial<FrameHeader> = {}): FrameHeader => ({
  kind: KINDS.changes,
  logId: idOf(0),
  writer: idOf(writer),
  isFirst: false,
  number: 1,
  next: 2,
  time: 0,
  basis: 0,
  ...rest,
})

/** Takes it if it is accepted; returns why it is not. */
function take(writers: Writers, header: FrameHeader, place: number): string | undefined {
  const reason = writers.refusal(header, place)
  if (reason === undefined) writers.advance(header.writer, header.next)
  return reason
}

test('only the next of a writer is accepted: no double, nothing behind a gap, no stranger', () => {
  const writers = new Writers()
  assert.equal(take(writers, frame(1), 1), 'gap')
  assert.equal(take(writers, frame(1, { isFirst: true, number: 5, next: 7 }), 2), undefined)
  assert.equal(take(writers, frame(1, { isFirst: true, number: 5, next: 7 }), 3), 'double')
  assert.equal(take(writers, frame(1, { number: 8, next: 9 }), 4), 'gap')
  assert.equal(take(writers, frame(1, { number: 7, next: 7 }), 5), 'double')
  assert.equal(take(writers, frame(1, { number: 7, next: 8 }), 6), undefined)
  assert.equal(writers.get(idOf(1))!.next, 8)
})

test('nothing of a writer that is retired is accepted, whether it was heard of or not', () => {
  const writers = new Writers()
  take(writers, frame(1, { isFirst: true }), 1)
  writers.retire(idOf(1), 2)
  writers.retire(idOf(2), 3)
  assert.equal(take(writers, frame(1, { number: 2, next: 3 }), 4), 'retired')
  assert.equal(take(writers, frame(2, { isFirst: true, basis: 3 }), 5), 'retired')
})

test('the table is bounded; a late double of a writer that is forgotten is not taken for a new one', () => {
  const writers = new Writers()
  let place = 0
  const first = (writer: number): FrameHeader => frame(writer, { isFirst: true, basis: place })
  const double = first(0)
  for (let writer = 0; writer < MAX_WRITERS; writer++) take(writers, first(writer), ++place)
  assert.equal(writers.size, MAX_WRITERS)
  assert.equal(take(writers, double, ++place), 'double')
  const late = first(MAX_WRITERS + 1)
  assert.equal(take(writers, first(MAX_WRITERS), ++place), undefined)
  assert.equal(writers.size, MAX_WRITERS)
  assert.equal(writers.get(idOf(0)), undefined, 'the one that was heard of longest ago is forgotten')
  assert.equal(take(writers, double, ++place), 'retired')
  assert.equal(take(writers, late, ++place), 'retired', 'made before the forgetting')
  assert.equal(take(writers, first(MAX_WRITERS + 1), ++place), undefined)
})

test('those that are retired are forgotten first', () => {
  const writers = new Writers()
  for (let writer = 0; writer < MAX_WRITERS; writer++)
    take(writers, frame(writer, { isFirst: true, basis: writer }), writer + 1)
  writers.retire(idOf(MAX_WRITERS - 1), MAX_WRITERS + 1)
  take(writers, frame(MAX_WRITERS, { isFirst: true, basis: MAX_WRITERS }), MAX_WRITERS + 2)
  assert.equal(writers.get(idOf(MAX_WRITERS - 1)), undefined)
  assert.ok(writers.get(idOf(0)))
})

test('a table that was saved decides as the one that it was', () => {
  const writers = new Writers()
  for (let writer = 0; writer < MAX_WRITERS + 5; writer++)
    take(writers, frame(writer, { isFirst: true, basis: writer }), writer + 1)
  writers.retire(idOf(100), MAX_WRITERS + 10)
  const saved = new Writers(JSON.parse(JSON.stringify(writers)))
  assert.deepEqual(saved, writers)
  const late = frame(0, { isFirst: true, basis: 3 })
  assert.equal(take(saved, late, 5_000), take(writers, late, 5_000))
})
