/**
 * What is read of v1 takes work in proportion to its length, whatever its numbers are: four times
 * as much takes about four times the work.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { encodeV1Entry } from '../../src/v1/format/encode.ts'
import { recoverV1 } from '../../src/v1/recover/recover.ts'
import { collect, frame, header, nth, rawFrame } from '../v1/helpers.ts'
import { Coverage } from './coverage.ts'
import { MeteredDisk } from './metered-disk.ts'

const DIRECTORY = '/log'
/** What any entry is, as small as it gets. */
const PAYLOAD = encodeV1Entry({ type: 'delete', id: '', timestamp: 0n })

const section = (...seqs: number[]): Buffer =>
  Buffer.concat([header(), ...seqs.map((seq) => rawFrame(seq, PAYLOAD))])
const numbers = (count: number, from: number, step: number): number[] =>
  Array.from({ length: count }, (_, n) => from + n * step)

const STRIDE = 64 * 1024
const FILLER = Buffer.alloc(STRIDE, 0x61)

/**
 * A frame that claims a payload of so many bytes, which begins like a delete with an id of nearly
 * all of them.
 */
function claim(seq: number, bytes: number): Buffer {
  const frame = rawFrame(seq, Buffer.from([2, 252, 0, 0, 0, 0]))
  frame.writeUInt32LE(bytes, 8)
  frame.writeUInt32LE(bytes - 5, 14)
  return frame
}

/**
 * A record that is whole, in whose id stand a header and a frame that claims what is behind it.
 * What stands behind the record is none.
 */
function swallowing(seq: number, bytes: number): Buffer {
  const id = Buffer.concat([header(), claim(seq, bytes)])
  const payload = Buffer.concat([Buffer.from([2, id.length]), id, Buffer.from([0]), FILLER])
  return Buffer.concat([rawFrame(seq, payload), rawFrame(seq, Buffer.from([9]))])
}

/** Files of about `n` records. */
const LOGS: readonly (readonly [what: string, log: (n: number) => Buffer[]])[] = [
  [
    'sections without a gap, and again and again a start at 0 from which they lead to no run',
    (n) => [
      ...numbers(n / 4, 1, 1).map((seq) => section(seq)),
      ...numbers(n / 4, 0, 1).flatMap(() => [section(1e9), section(1e9), section(0)]),
    ],
  ],
  [
    'sections without a gap, and again and again a start at 0 from which they lead to the run',
    (n) => [
      ...numbers(n / 4, 1, 1).map((seq) => section(seq)),
      ...numbers(n / 4, 0, 1).flatMap(() => [section(n / 4), section(n / 4), section(0)]),
    ],
  ],
  [
    'sections each of which begins where the next one in the file ends',
    (n) => numbers(n, n, -1).map((seq) => section(seq)),
  ],
  [
    'two sections far from each other, with numbers that interleave',
    (n) => [section(0, ...numbers(n / 2, 10, 2), 1), section(2, ...numbers(n / 2, 11, 2), 3)],
  ],
  [
    'transactions within one another',
    (n) => [
      Buffer.concat([
        header(),
        ...numbers(n / 2, 0, 1).map((id) =>
          frame(id, { type: 'beginTransaction', transactionId: BigInt(id), timestamp: 0n }),
        ),
        ...numbers(n / 2, 0, 1).map((id) =>
          frame(n / 2 + id, { type: 'commitTransaction', transactionId: BigInt(id), timestamp: 0n }),
        ),
      ]),
    ],
  ],
  [
    'records that claim everything behind them, with a header behind each',
    (n) => [
      Buffer.concat([
        ...numbers(n / 50, 0, 1).flatMap((k) => [header(), claim(k, (n / 50 - k) * STRIDE), FILLER]),
        FILLER,
      ]),
    ],
  ],
  [
    'records with a header inside, behind which something claims everything behind it',
    (n) => [
      Buffer.concat([
        header(),
        ...numbers(n / 50, 0, 1).map((k) => swallowing(k, (n / 50 - k) * STRIDE)),
        FILLER,
      ]),
    ],
  ],
  [
    'records that claim more than there is, with a header behind each',
    (n) => [Buffer.concat(numbers(n, 0, 1).flatMap((k) => [header(), claim(k, 90_000_000)]))],
  ],
]

interface Work {
  readonly steps: number
  readonly bytesRead: number
}

async function workOf(coverage: Coverage, segments: readonly Buffer[]): Promise<Work> {
  const disk = new MeteredDisk(segments.map((bytes, n) => [join(DIRECTORY, nth(n + 1)), bytes]))
  coverage.look(true)
  await collect(recoverV1(disk, DIRECTORY, { policy: 'salvage' }))
  return { steps: coverage.look(true).steps, bytesRead: disk.bytesRead }
}

const COUNT = 2000

for (const [what, log] of LOGS) {
  for (const inOneFile of [true, false]) {
    test(`${what}${inOneFile ? ', in one file' : ''}`, async (t) => {
      const coverage = new Coverage([new URL('../../src/', import.meta.url).href])
      t.after(() => coverage.close())
      const [less, more] = [log(COUNT), log(4 * COUNT)].map((parts) =>
        inOneFile ? [Buffer.concat(parts)] : parts,
      )
      const [few, many] = [await workOf(coverage, less!), await workOf(coverage, more!)]
      // n log n is not much more than 4; n² would be 16.
      for (const unit of ['steps', 'bytesRead'] as const)
        assert.ok(many[unit] < 8 * few[unit], `${unit}: ${few[unit]} for one, ${many[unit]} for four`)
    })
  }
}
