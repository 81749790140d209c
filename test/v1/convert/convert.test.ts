import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { convertToV2 } from '../../../src/v1/convert/to-v2.ts'
import { decodeNote } from '../../../src/v1/convert/translate.ts'
import type { V1Entry } from '../../../src/v1/format/entry.ts'
import { bits } from '../../support/entries.ts'
import {
  type BatchMember,
  FailingDisk,
  type Hold,
  namesOn,
  openOn,
  refusal,
  type SimulatedDisk,
  temporaryDirectory,
  until,
  type WalError,
} from '../../support/kit.ts'
import { entries as anyV1Entry } from '../arbitraries.ts'
import { frame, header, insert, nth, rawFrame, segment } from '../helpers.ts'
import { BACK, marker, payloadsOf, recordsIn, toV1, toV2, V1, V2, v1Log } from './converted.ts'

const SECONDS = 1_700_000_000n

/** Kinds of the records of a v2 log; of a note, what it says. */
const kindsIn = async (disk: SimulatedDisk): Promise<string[]> =>
  (await recordsIn(disk)).map(({ entry }) =>
    entry.type === 'custom' ? `note: ${decodeNote(entry.data).is}` : entry.type,
  )

test('inserts, updates, deletes and batches become what does the same in v2, with their times, and nothing beside', async () => {
  const all: V1Entry[] = [
    insert('a', 1, 2),
    {
      ...insert('a', 3),
      type: 'update',
      metadata: new Map([['k', 'v']]),
      timestamp: SECONDS + 5n,
    } as V1Entry,
    { type: 'delete', id: 'a', timestamp: SECONDS + 5n },
    {
      type: 'batch',
      entries: [insert('b', 1), { type: 'batch', entries: [], timestamp: SECONDS + 6n }].map((entry) => ({
        ...entry,
        timestamp: SECONDS + 6n,
      })) as V1Entry[],
      timestamp: SECONDS + 6n,
    },
  ]
  const disk = await v1Log(segment(...all.map((entry, seq) => frame(seq, entry))))
  assert.deepEqual(await toV2(disk), { records: 4, withoutCounterpart: 0, damage: 0 })
  const found = await recordsIn(disk)
  const vector = (...values: number[]): Float32Array => Float32Array.from(values)
  const expected: BatchMember[] = [
    { type: 'insert', id: 'a', vector: vector(1, 2), metadata: null, replace: true },
    { type: 'update', id: 'a', vector: vector(3), metadata: { k: 'v' } },
    { type: 'delete', id: 'a' },
    {
      type: 'batch',
      entries: [
        { type: 'insert', id: 'b', vector: vector(1), metadata: null, replace: true },
        { type: 'batch', entries: [] },
      ],
    },
  ]
  assert.deepEqual(
    found.map(({ entry }) => bits(entry)),
    expected.map(bits),
  )
  assert.deepEqual(
    found.map(({ timestamp }) => timestamp - Number(SECONDS) * 1000),
    [0, 5000, 5000, 6000],
  )
})

test('records come back byte for byte, whatever their numbers, times and files', async () => {
  const disk = await v1Log(
    segment(frame(0), frame(1), frame(7), frame(7), Buffer.from(header()), frame(0), frame(1)),
    segment(
      frame(2),
      frame(3, { ...insert('early', 1), timestamp: 5n }),
      frame(4, { ...insert('', 1) }),
      frame(5),
    ),
  )
  const expected = await payloadsOf(disk, V1)
  assert.deepEqual(await toV2(disk, { policy: 'salvage' }), { records: 10, withoutCounterpart: 1, damage: 2 })
  assert.deepEqual(await toV1(disk), { records: 10, withoutCounterpart: 0, damage: 0 })
  assert.deepEqual(await payloadsOf(disk, BACK), expected)
})

test('any records of v1 come back byte for byte', async () => {
  const log = fc.array(
    fc.tuple(fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { freq: 4 }), anyV1Entry),
    {
      maxLength: 12,
    },
  )
  await fc.assert(
    fc.asyncProperty(log, async (records) => {
      const disk = await v1Log(segment(...records.map(([seq, entry], index) => frame(seq ?? index, entry))))
      const expected = await payloadsOf(disk, V1)
      const { records: count } = await toV2(disk, { policy: 'salvage' })
      assert.equal(count, expected.length)
      await toV1(disk)
      assert.deepEqual(await payloadsOf(disk, BACK), expected)
    }),
    { numRuns: 60 },
  )
})

test('a note stands only where the record alone would not tell: another number, other bytes, an older time, no form in v2', async () => {
  const padded = Buffer.concat([frame(1).subarray(12), Buffer.from([9, 9])])
  const disk = await v1Log(
    segment(
      frame(0),
      rawFrame(1, padded),
      frame(5),
      frame(6),
      frame(7, { ...insert('late', 1), timestamp: SECONDS + 9n }),
      frame(8, { ...insert('early', 1), timestamp: SECONDS }),
      frame(9, { type: 'checkpoint', sequenceNumber: 3n, timestamp: SECONDS + 9n }),
      frame(10, { ...insert('', 1), timestamp: SECONDS + 9n }),
      frame(11, { ...insert('last', 1), timestamp: SECONDS + 9n }),
    ),
  )
  assert.deepEqual(await toV2(disk), { records: 9, withoutCounterpart: 2, damage: 0 })
  assert.deepEqual(await kindsIn(disk), [
    'insert',
    'note: original',
    'insert',
    'note: original',
    'insert',
    'insert',
    'insert',
    'note: original',
    'insert',
    'note: alone',
    'note: alone',
    'insert',
  ])
})

test('transactions stay transactions, with their entries, also within one another', async () => {
  const disk = await v1Log(
    segment(
      frame(0, marker('beginTransaction', 0n)),
      frame(1),
      frame(2, marker('beginTransaction', 2n)),
      frame(3),
      frame(4, marker('abortTransaction', 2n)),
      frame(5),
      frame(6, marker('commitTransaction', 0n)),
      frame(7),
    ),
  )
  const expected = await payloadsOf(disk, V1)
  assert.deepEqual(await toV2(disk), { records: 8, withoutCounterpart: 0, damage: 0 })
  const found = await recordsIn(disk)
  assert.deepEqual(
    found.map(({ entry, transactionId }) => `${entry.type} ${transactionId}`),
    [
      'beginTransaction 0',
      'insert 0',
      'beginTransaction 2',
      'insert 2',
      'abortTransaction 2',
      'insert 0',
      'commitTransaction 0',
      'insert undefined',
    ],
  )
  await toV1(disk)
  assert.deepEqual(await payloadsOf(disk, BACK), expected)
})

test('a transaction that v1 left open, or whose id begins again, is ended in v2, and that is not in v1', async () => {
  const disk = await v1Log(
    segment(
      frame(0, marker('beginTransaction', 0n)),
      frame(1),
      frame(2, marker('beginTransaction', 0n)),
      frame(3),
      frame(4, marker('beginTransaction', 4n)),
      frame(5),
    ),
  )
  const expected = await payloadsOf(disk, V1)
  assert.deepEqual(await toV2(disk), { records: 6, withoutCounterpart: 0, damage: 0 })
  assert.deepEqual(await kindsIn(disk), [
    'beginTransaction',
    'insert',
    'note: added',
    'abortTransaction',
    'note: original',
    'beginTransaction',
    'insert',
    'note: original',
    'beginTransaction',
    'insert',
    'note: added',
    'abortTransaction',
    'note: added',
    'abortTransaction',
  ])
  const wal = await openOn(disk, { directory: V2, readOnly: true })
  assert.deepEqual(wal.recovery.transactions, { committed: 0, aborted: 3, inDoubt: [] })
  await toV1(disk)
  assert.deepEqual(await payloadsOf(disk, BACK), expected)
})

test('behind a transaction that was left behind, records stand alone again', async () => {
  const disk = await v1Log(
    segment(
      frame(0, marker('beginTransaction', 0n)),
      frame(1),
      frame(2, marker('beginTransaction', 0n)),
      frame(3),
      frame(4, marker('commitTransaction', 0n)),
      frame(5),
    ),
  )
  const expected = await payloadsOf(disk, V1)
  await toV2(disk)
  assert.equal((await recordsIn(disk)).at(-1)!.transactionId, undefined)
  await toV1(disk)
  assert.deepEqual(await payloadsOf(disk, BACK), expected)
})

test('an end without a begin is kept as it was, beside the log', async () => {
  const disk = await v1Log(
    segment(
      frame(0),
      frame(1, marker('commitTransaction', 9n)),
      frame(2, marker('abortTransaction', 9n)),
      frame(3),
    ),
  )
  const expected = await payloadsOf(disk, V1)
  assert.deepEqual(await toV2(disk), { records: 4, withoutCounterpart: 2, damage: 0 })
  assert.deepEqual(await kindsIn(disk), ['insert', 'note: alone', 'note: alone', 'insert'])
  await toV1(disk)
  assert.deepEqual(await payloadsOf(disk, BACK), expected)
})

test('more records than are under way at one time are converted in their order, and counted as they go', async () => {
  const disk = await v1Log(segment(...Array.from({ length: 1200 }, (_, seq) => frame(seq))))
  const expected = await payloadsOf(disk, V1)
  const there: number[] = []
  const back: number[] = []
  await toV2(disk, { onProgress: (records) => there.push(records) })
  await toV1(disk, { onProgress: (records) => back.push(records) })
  const counted = Array.from({ length: 1200 }, (_, index) => index + 1)
  assert.deepEqual([there, back], [counted, counted])
  assert.deepEqual(await payloadsOf(disk, BACK), expected)
})

test('what is damaged is refused, and nothing is left; with salvage it is counted', async () => {
  const content = segment(frame(0), frame(1), frame(2))
  content.writeUInt32LE(2 ** 31, header().length + frame(0).length + 8)
  const disk = await v1Log(content)
  await assert.rejects(toV2(disk), (error: WalError) => {
    assert.match(
      error.message,
      /^\/data\/v1 is damaged: .* Nothing was converted\. To convert what is left, use the policy salvage\.$/,
    )
    return refusal('WALV_DAMAGED')(error)
  })
  assert.deepEqual(await namesOn(disk, '/data'), ['v1'])
  assert.deepEqual(await toV2(disk, { policy: 'salvage' }), { records: 1, withoutCounterpart: 0, damage: 1 })
})

test('what certainly lost nothing is no damage to refuse, and counted', async () => {
  const disk = await v1Log(segment(0, 1), Buffer.from('WALV'), segment(0, 1))
  assert.deepEqual(await toV2(disk), { records: 4, withoutCounterpart: 0, damage: 2 })
})

test('no more than 512 appends are under way at one time', async (t) => {
  const folder = await temporaryDirectory(t)
  const [from, to] = [join(folder, 'v1'), join(folder, 'v2')]
  await mkdir(from)
  await writeFile(join(from, nth(1)), segment(...Array.from({ length: 1200 }, (_, seq) => seq)))
  const disk = new FailingDisk()
  let hold: Hold | undefined
  let done = 0
  const converting = convertToV2({
    from,
    to,
    disk,
    onProgress: (records) => {
      done = records
      hold ??= disk.hold('write', /\.walv$/)
    },
  })
  await until(() => done >= 511)
  await hold!.reached
  await delay(50)
  assert.equal(done, 511)
  hold!.release()
  assert.equal((await converting).records, 1200)
})

test('a torn tail is no damage to refuse, and counted', async () => {
  const disk = await v1Log(segment(frame(0), frame(1).subarray(0, 20)))
  assert.deepEqual(await toV2(disk), { records: 1, withoutCounterpart: 0, damage: 1 })
})

test('a v1 directory of no records becomes a log of none', async () => {
  const disk = await v1Log(segment())
  assert.deepEqual(await toV2(disk), { records: 0, withoutCounterpart: 0, damage: 0 })
  assert.deepEqual(await recordsIn(disk), [])
  assert.deepEqual(await toV1(disk), { records: 0, withoutCounterpart: 0, damage: 0 })
})
