import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  decodeFrame,
  encodeFrame,
  FRAME_HEADER_BYTES,
  FRAME_VERSION,
  KINDS,
} from '../../src/replicated/frame.ts'
import { asVersion } from './versions.ts'

const HEADER = {
  kind: KINDS.changes,
  logId: '00112233445566778899aabbccddeeff',
  writer: 'ffeeddccbbaa99887766554433221100',
  isFirst: true,
  number: 7,
  next: 9,
  time: 1_700_000_000_123,
  basis: 2 ** 40,
}

test('a frame comes back as it was made', () => {
  const body = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5, 6, 7, 8, 9, 10, 11)]
  const bytes = encodeFrame(HEADER, body)
  assert.equal(bytes.length, FRAME_HEADER_BYTES + 16)
  const frame = decodeFrame(bytes)
  assert.ok(!('problem' in frame))
  const { memory, bytes: length, ...header } = frame
  assert.deepEqual(header, HEADER)
  assert.equal(length, bytes.length)
  assert.deepEqual(
    [...memory.bytes.subarray(FRAME_HEADER_BYTES, length)],
    [1, 2, 3, 0, 0, 0, 0, 0, 4, 5, 6, 7, 8, 9, 10, 11],
  )
})

test('with any one bit changed it is damaged, and never taken for what it is not', () => {
  const bytes = encodeFrame(HEADER, [Uint8Array.of(1, 2, 3)])
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Uint8Array.from(bytes)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    assert.deepEqual(decodeFrame(changed), { problem: 'damaged' }, `bit ${bit}`)
  }
})

test('what is cut short is damaged, and what never was a frame is of somebody else', () => {
  const bytes = encodeFrame(HEADER, [new Uint8Array(64)])
  assert.deepEqual(decodeFrame(bytes.subarray(0, bytes.length - 1)), { problem: 'damaged' })
  for (const other of [new Uint8Array(0), new Uint8Array(500), Buffer.from('{"hello":"world"}'.repeat(20))])
    assert.deepEqual(decodeFrame(other), { problem: 'foreign' })
})

test('a frame of a newer walv is told by its version', () => {
  const bytes = encodeFrame(HEADER, [])
  const newer = asVersion(bytes, FRAME_VERSION + 1)
  assert.deepEqual(decodeFrame(newer), { problem: 'newer', version: FRAME_VERSION + 1 })
})
