import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byteBuffer } from '../../../src/format/byte-buffer.ts'
import { encodable } from '../../../src/format/encode.ts'
import { SEGMENT_HEADER_BYTES } from '../../../src/format/segment.ts'
import { SegmentCodec } from '../../../src/format/segment-codec.ts'
import { GROUP_BYTES, Group, GroupMemory } from '../../../src/log/write/group.ts'

const POSITION = { segment: 1, capacity: 262_144, codec: new SegmentCodec(7), offset: 1024 }

test('a group takes frames until its memory is full, to the byte', () => {
  const group = new Group(byteBuffer(SEGMENT_HEADER_BYTES + 96), POSITION, false, 0, 1000)
  assert.deepEqual([group.fits(96), group.fits(104)], [true, false])
  const fields = { seq: 0, durableBefore: 0, timestamp: 0, flags: 0 }
  group.add(encodable({ type: 'beginTransaction' }), { type: 6, payloadBytes: 0, ...fields })
  assert.deepEqual([group.bytes, group.fits(56), group.fits(64)], [40, true, false])
})

test('a group takes no more than its segment has room for, to the byte', () => {
  const group = new Group(byteBuffer(SEGMENT_HEADER_BYTES + 4096), POSITION, false, 0, 96)
  assert.deepEqual([group.fits(96), group.fits(104)], [true, false])
})

test('memory that was given back is handed out again, to any log, that of four groups at most', () => {
  const memory = new GroupMemory()
  const five = (from: GroupMemory) => Array.from({ length: 5 }, () => from.take(100))
  const taken = five(memory)
  assert.equal(new Set(taken).size, 5, "what is in use is nobody else's")
  for (const each of taken) memory.give(each)
  const again = five(new GroupMemory())
  assert.equal(again.filter((each) => taken.includes(each)).length, 4)
  assert.equal(new Set(again).size, 5)
})

test('a record that needs more than a group has gets memory of its own size, which is not kept', () => {
  const memory = new GroupMemory()
  assert.equal(memory.take(GROUP_BYTES - SEGMENT_HEADER_BYTES).bytes.length, GROUP_BYTES)
  const large = memory.take(GROUP_BYTES - SEGMENT_HEADER_BYTES + 8)
  assert.equal(large.bytes.length, GROUP_BYTES + 8)
  memory.give(large)
  assert.equal(memory.take(100).bytes.length, GROUP_BYTES)
  assert.notEqual(memory.take(GROUP_BYTES - SEGMENT_HEADER_BYTES + 8), large)
})

test('what needs all of the memory of a group is given memory that is kept', () => {
  const memory = new GroupMemory()
  const first = memory.take(GROUP_BYTES - SEGMENT_HEADER_BYTES)
  memory.give(first)
  assert.equal(memory.take(GROUP_BYTES - SEGMENT_HEADER_BYTES), first)
})
