/**
 * What is read of v2 takes work in proportion to its length, whatever it claims: four times as much
 * takes about four times the work.
 */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { segmentName } from '../../src/format/segment.ts'
import { diagnose, frameOfEntry, segmentOf, temporaryDirectory, Wal } from '../support/kit.ts'
import { Coverage } from './coverage.ts'
import { forgedSegment } from './forged-frames.ts'
import { MeteredDisk } from './metered-disk.ts'

const DIRECTORY = '/log'

/** A log of about `n` places, by the names of its files. */
type Log = (n: number) => Readonly<Record<string, Buffer>>

const framesOf = (count: number, frame: (index: number, seed: number) => Buffer): Buffer =>
  segmentOf({}, (seed) => Array.from({ length: count }, (_, index) => frame(index, seed)))

const committed = (seq: number, transactionId: number, seed: number): Buffer =>
  frameOfEntry({ type: 'commitTransaction' }, { seq, transactionId }, seed)

const SNAPSHOT = 'snapshot-0000000000000000'
const STATE_BYTES = 128 * 1024

/** All name the same file, and none its content. */
function checkpoint(seq: number, count: number, seed: number): Buffer {
  const files = [{ name: 'state', bytes: count * STATE_BYTES, sha256: String(seq % 10).repeat(64) }]
  const snapshot = { name: SNAPSHOT, files, info: null }
  return frameOfEntry({ type: 'checkpoint', sequenceNumber: 0, replayFrom: 1, snapshot }, { seq }, seed)
}

const LOGS: readonly (readonly [what: string, n: number, log: Log])[] = [
  [
    'headers that verify and claim half of the file each',
    40,
    (n) => ({ [segmentName(1)]: forgedSegment(n) }),
  ],
  [
    'records that are missing, again and again, and commits of transactions that nobody began',
    500,
    (n) => ({ [segmentName(1)]: framesOf(n, (seq, seed) => committed(2 * seq + 1, 2 * seq, seed)) }),
  ],
  [
    'checkpoints by the thousand that name one large snapshot, which does not verify',
    20,
    (n) => ({
      [segmentName(1)]: framesOf(n, (seq, seed) =>
        seq === 0 ? committed(0, 0, seed) : checkpoint(seq, n, seed),
      ),
      [`snapshots/${SNAPSHOT}/state`]: Buffer.alloc(n * STATE_BYTES),
    }),
  ],
]

interface Work {
  readonly steps: number
  readonly bytesRead: number
}

async function workOf(coverage: Coverage, log: Readonly<Record<string, Buffer>>): Promise<Work> {
  const disk = new MeteredDisk(Object.entries(log).map(([name, bytes]) => [join(DIRECTORY, name), bytes]))
  coverage.look(true)
  await diagnose({ directory: DIRECTORY, disk })
  const wal = await Wal.open({ directory: DIRECTORY, disk, readOnly: true, recovery: 'salvage' })
  await wal.close()
  return { steps: coverage.look(true).steps, bytesRead: disk.bytesRead }
}

/** Every other record is missing. */
const gappy = (n: number): Buffer =>
  framesOf(n, (index, seed) =>
    frameOfEntry({ type: 'delete', id: 'a' }, { seq: 2 * index, durableBefore: 2 * index }, seed),
  )

async function workOfRepair(t: TestContext, coverage: Coverage, segment: Buffer): Promise<number> {
  const directory = await temporaryDirectory(t)
  await writeFile(join(directory, segmentName(1)), segment)
  coverage.look(true)
  const wal = await Wal.open({ directory, recovery: 'repair' })
  const { steps } = coverage.look(true)
  assert.equal(wal.recovery.quarantined.length, 1)
  await wal.close()
  return steps
}

test('v2: a repair of as many bad places as there are records', async (t) => {
  const coverage = new Coverage([new URL('../../src/', import.meta.url).href])
  t.after(() => coverage.close())
  const [few, many] = [
    await workOfRepair(t, coverage, gappy(1500)),
    await workOfRepair(t, coverage, gappy(6000)),
  ]
  assert.ok(many < 8 * few, `steps: ${few} for one, ${many} for four`)
})

test('v2: of a log of nothing but bad places 10,000 are told one by one', async () => {
  const disk = new MeteredDisk([[join(DIRECTORY, segmentName(1)), gappy(12_001)]])
  const { damage, losses } = await diagnose({ directory: DIRECTORY, disk })
  assert.deepEqual([damage.length, losses.length], [10_001, 10_001])
  assert.deepEqual(damage.at(-1)!.seqs, [{ from: 20_001, through: 23_999 }])
})

for (const [what, n, log] of LOGS) {
  test(`v2: ${what}`, async (t) => {
    const coverage = new Coverage([new URL('../../src/', import.meta.url).href])
    t.after(() => coverage.close())
    const [few, many] = [await workOf(coverage, log(n)), await workOf(coverage, log(4 * n))]
    // n log n is not much more than 4; n² would be 16.
    for (const unit of ['steps', 'bytesRead'] as const)
      assert.ok(many[unit] < 8 * few[unit], `${unit}: ${few[unit]} for one, ${many[unit]} for four`)
  })
}
