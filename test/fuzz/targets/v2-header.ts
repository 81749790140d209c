import assert from 'node:assert/strict'
import { decodeSegmentHeader, encodeSegmentHeader, SECTOR_BYTES } from '../../../src/format/segment.ts'
import { unpack } from '../files.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import { seedLogs } from '../seed-logs.ts'
import { sealSegment } from '../segments.ts'
import { type Target, Words } from '../target.ts'

/** What stands behind is zero in every header. */
const FIELDS_BYTES = 96

/** One copy of a segment's header, its sum right if it is whole. */
export const v2Header: Target = {
  name: 'v2-header',
  seeds: async () =>
    (await seedLogs()).flatMap((log) =>
      unpack(log)
        .filter(({ name }) => name.endsWith('.walv'))
        .map(({ bytes }) => bytes.subarray(0, SECTOR_BYTES)),
    ),
  mutate(random, input, other) {
    if (random.chance(0.1)) return mutateBytes(random, input, other)
    const fields = mutateBytes(random, input.subarray(0, FIELDS_BYTES), other.subarray(0, FIELDS_BYTES))
    const sector = Buffer.alloc(SECTOR_BYTES)
    fields.copy(sector)
    return sector
  },
  async run(input) {
    const words = new Words()
    const sector = sealSegment(Buffer.from(input))
    const reading = decodeSegmentHeader(sector)
    words.add(reading.state)
    if (reading.state !== 'valid') return words
    const again = encodeSegmentHeader(reading.header)
    for (const copy of [again.subarray(0, SECTOR_BYTES), again.subarray(SECTOR_BYTES)])
      assert.deepEqual(decodeSegmentHeader(copy), reading)
    return words
  },
}
