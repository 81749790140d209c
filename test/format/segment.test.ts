import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  type SegmentHeader,
  segmentName,
  segmentNumber,
  segmentSeed,
} from '../../src/format/segment.ts'

const LOG_ID: Buffer = Buffer.from('0123456789abcdef')
const MAX: number = Number.MAX_SAFE_INTEGER
const LARGEST: SegmentHeader = {
  logId: LOG_ID,
  number: MAX,
  firstSeq: MAX - 1,
  durableBefore: MAX - 2,
  createdAt: MAX - 3,
  capacity: MAX - 4,
  previous: MAX - 5,
}

/** A copy of the header, changed by somebody who makes its sum right again. */
function changed(change: (copy: Buffer) => void, resum = true): Buffer {
  const copy = encodeSegmentHeader(LARGEST).subarray(0, 512)
  change(copy)
  if (resum) copy.writeUInt32LE(crc32(copy.subarray(0, 508)), 508)
  return copy
}

test('every field of a header comes back at its largest, with a log id of its own', () => {
  const copy = encodeSegmentHeader(LARGEST).subarray(512)
  const reading = decodeSegmentHeader(copy)
  assert.deepEqual(reading, { state: 'valid', header: LARGEST })
  copy.fill(0)
  assert.deepEqual(reading, { state: 'valid', header: LARGEST })
})

test('a sector that is cut, or begins otherwise, or does not have its sum, is no header', () => {
  const whole = changed(() => {})
  assert.equal(decodeSegmentHeader(whole).state, 'valid')
  assert.deepEqual(decodeSegmentHeader(whole.subarray(0, 511)), { state: 'invalid' })
  assert.deepEqual(decodeSegmentHeader(Buffer.alloc(0)), { state: 'invalid' })
  assert.deepEqual(decodeSegmentHeader(Buffer.alloc(512)), { state: 'invalid' })
  for (let byte = 0; byte < 4; byte++)
    assert.deepEqual(
      decodeSegmentHeader(changed((copy) => copy[byte]!++)),
      { state: 'invalid' },
      `magic byte ${byte}`,
    )
  for (const byte of [4, 12, 20, 79, 87, 88, 507, 508, 511])
    assert.deepEqual(
      decodeSegmentHeader(changed((copy) => copy[byte]!++, false)),
      { state: 'invalid' },
      `byte ${byte}`,
    )
})

test('more than a sector may be handed in', () => {
  assert.deepEqual(decodeSegmentHeader(encodeSegmentHeader(LARGEST)), { state: 'valid', header: LARGEST })
})

test('a version and a must-understand feature that are not known are told by their number', () => {
  assert.deepEqual(decodeSegmentHeader(changed((copy) => copy.writeUInt32LE(3, 4))), {
    state: 'unknown-version',
    version: 3,
  })
  assert.deepEqual(decodeSegmentHeader(changed((copy) => copy.writeUInt32LE(0x4000_0002, 12))), {
    state: 'unknown-features',
    features: 0x4000_0002,
  })
  const both = changed((copy) => {
    copy.writeUInt32LE(3, 4)
    copy.writeUInt32LE(1, 12)
  })
  assert.equal(
    decodeSegmentHeader(both).state,
    'unknown-version',
    'what a feature means depends on the version',
  )
})

test('features that may be ignored, header bytes and zeros are not looked at', () => {
  for (const at of [8, 16, 20, 88, 504]) {
    const reading = decodeSegmentHeader(changed((copy) => copy.writeUInt32LE(0xffff_ffff, at)))
    assert.deepEqual(reading, { state: 'valid', header: LARGEST }, `offset ${at}`)
  }
})

test('a header with a number of 2^53 or more is none', () => {
  for (const at of [40, 48, 56, 64, 72, 80]) {
    const reading = decodeSegmentHeader(changed((copy) => copy.writeBigUInt64LE(2n ** 53n, at)))
    assert.deepEqual(reading, { state: 'invalid' }, `offset ${at}`)
  }
})

test('seeds differ between logs and between segments of a log', () => {
  const seeds = [segmentSeed(LOG_ID, 1), segmentSeed(LOG_ID, 2), segmentSeed(Buffer.alloc(16), 1)]
  assert.equal(new Set(seeds).size, 3)
})

test('a name has ten digits and gives its number back', () => {
  for (const [number, name] of [
    [1, 'segment-0000000001.walv'],
    [9_999_999_999, 'segment-9999999999.walv'],
  ] as const) {
    assert.equal(segmentName(number), name)
    assert.equal(segmentNumber(name), number)
  }
})

test('nothing else is the name of a segment', () => {
  for (const name of [
    'segment-1.walv',
    'segment-00000000001.walv',
    'segment-000000000x.walv',
    'segment-0000000001.walv.tmp',
    'segment-0000000001xwalv',
    'a-segment-0000000001.walv',
    'segment-0000000001.walv\n',
    'SEGMENT-0000000001.WALV',
  ]) {
    assert.equal(segmentNumber(name), undefined, JSON.stringify(name))
  }
})
