import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import type { BatchMember, Wal, WalError, WalRecord } from '../../../src/mod.ts'
import { SimulatedDisk } from '../../../src/testing/disk/simulated-disk.ts'
import type { ConvertOptions } from '../../../src/v1/convert/options.ts'
import { convertToV1 } from '../../../src/v1/convert/to-v1.ts'
import { convertToV2 } from '../../../src/v1/convert/to-v2.ts'
import {
  decodeNote,
  encodeNote,
  entryToV1,
  entryToV2,
  timestampToV1,
  timestampToV2,
} from '../../../src/v1/convert/translate.ts'
import type { V1Entry } from '../../../src/v1/format/entry.ts'
import { readV1Directory } from '../../../src/v1/read/reader.ts'
import { bits } from '../../support/entries.ts'
import { FailingDisk, type Hold } from '../../support/failing-disk.ts'
import { collect, refusal, temporaryDirectory, until } from '../../support/logs.ts'
import { alterOn, framesOn, namesOn, openOn, pictureOf, putFile } from '../../support/simulated-log.ts'
import { entries as anyV1Entry } from '../arbitraries.ts'
import { frame, header, insert, nth, rawFrame, segment } from '../helpers.ts'

const [V1, V2, BACK] = ['/data/v1', '/data/v2', '/data/back']
const SECONDS = 1_700_000_000n

/** A disk with a v1 directory of one file for each list of parts. */
async function v1Log(...contents: readonly Buffer[]): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  for (const [index, content] of contents.entries()) await putFile(disk, `${V1}/${nth(index + 1)}`, content)
  return disk
}

const toV2 = (disk: SimulatedDisk, options: Partial<ConvertOptions> = {}) =>
  convertToV2({ from: V1, to: V2, disk, ...options })
const toV1 = (disk: SimulatedDisk, options: Partial<ConvertOptions> = {}) =>
  convertToV1({ from: V2, to: BACK, disk, ...options })

/** Numbers and payloads of a v1 directory, in order. */
async function payloadsOf(disk: SimulatedDisk, directory: string): Promise<string[]> {
  const found: string[] = []
  for await (const { record } of readV1Directory(disk, directory))
    if (record) found.push(`${record.seq} ${Buffer.from(record.payload).toString('hex')}`)
  return found
}

async function recordsIn(disk: SimulatedDisk, directory = V2): Promise<WalRecord[]> {
  const wal = await openOn(disk, { directory, readOnly: true })
  return collect(wal.read())
}

/** Kinds of the records of a v2 log; of a note, what it says. */
const kindsIn = async (disk: SimulatedDisk): Promise<string[]> =>
  (await recordsIn(disk)).map(({ entry }) =>
    entry.type === 'custom' ? `note: ${decodeNote(entry.data).is}` : entry.type,
  )

const marker = (
  type: 'beginTransaction' | 'commitTransaction' | 'abortTransaction',
  transactionId: bigint,
  timestamp = SECONDS,
): V1Entry => ({ type, transactionId, timestamp })

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

test('a target that holds anything is refused and left as it is; an empty one is taken', async () => {
  const disk = await v1Log(segment(frame(0)))
  await putFile(disk, `${V2}/mine`, Buffer.from('mine'))
  const before = await pictureOf(disk, '/data')
  for (const work of [toV2(disk), toV1(disk, { from: V1, to: V2 })])
    await assert.rejects(work, (error: WalError) => {
      assert.deepEqual(
        [error.file, error.message],
        [V2, '/data/v2 is not empty. Convert into a new directory.'],
      )
      return refusal('WALV_INVALID_OPTION')(error)
    })
  assert.deepEqual(await pictureOf(disk, '/data'), before)
  await disk.remove(`${V2}/mine`)
  await toV2(disk)
})

test('a target that is a file, or cannot be looked into, is refused', async () => {
  const disk = await v1Log(segment(frame(0)))
  await putFile(disk, V2, Buffer.from('file'))
  await assert.rejects(toV2(disk), refusal('WALV_NOT_A_DIRECTORY'))
  disk.onOperation = ({ kind, path }) => (kind === 'list' && path === V2 ? { code: 'EACCES' } : undefined)
  await assert.rejects(toV2(disk), refusal('WALV_PERMISSION'))
})

test('a directory that was there before a conversion that fails is there after it, empty', async () => {
  const disk = await v1Log(segment(frame(0)))
  await disk.makeDirectory(V2)
  disk.onOperation = ({ kind, path }) =>
    kind === 'sync' && path.startsWith(V2) ? { code: 'EIO' } : undefined
  await assert.rejects(toV2(disk))
  assert.deepEqual(await namesOn(disk, V2), [])
})

test('whatever operation fails, a conversion leaves all or nothing, and its source is as it was', async () => {
  for (const convert of [toV2, toV1]) {
    const prepared = await v1Log(segment(frame(0), frame(1, marker('beginTransaction', 1n)), frame(2)))
    if (convert === toV1) await toV2(prepared)
    const target = convert === toV1 ? 'back' : 'v2'
    const before = await pictureOf(prepared, '/data')
    const probe = prepared.kill()
    await convert(probe)
    for (const { number, kind, path } of probe.ops) {
      const disk = prepared.kill()
      disk.onOperation = (operation) => (operation.number === number ? { code: 'EIO' } : undefined)
      const done = await convert(disk).then(
        () => true,
        () => false,
      )
      disk.onOperation = undefined
      const after = await pictureOf(disk, '/data')
      const about = `${kind} ${path}`
      assert.deepEqual(
        after.filter(([name]) => !name.startsWith(`/data/${target}`)),
        before,
        about,
      )
      if (done || kind === 'remove') continue
      assert.deepEqual(
        after.filter(([name]) => name.startsWith(`/data/${target}`)),
        [],
        about,
      )
    }
  }
})

test('an abort ends a conversion, and nothing is left', async () => {
  const disk = await v1Log(segment(frame(0)))
  await assert.rejects(toV2(disk, { signal: AbortSignal.abort() }), refusal('WALV_ABORTED'))
  await toV2(disk)
  await assert.rejects(toV1(disk, { signal: AbortSignal.abort() }), (error: WalError) => {
    assert.match(error.message, /^Opening the log was aborted/)
    return refusal('WALV_ABORTED')(error)
  })
  const controller = new AbortController()
  const during = toV1(disk, { signal: controller.signal, onProgress: () => controller.abort() })
  assert.equal((await during).records, 1, 'what is done is done')
  assert.deepEqual(await namesOn(disk, '/data'), ['back', 'v1', 'v2'])
})

test('an abort in the midst of a conversion to v1 ends it, and nothing is left', async () => {
  const vector = new Float32Array(200_000)
  const large = Array.from({ length: 8 }, (_, seq) => frame(seq, { ...insert(`${seq}`), vector } as V1Entry))
  const disk = await v1Log(segment(...large))
  await toV2(disk)
  const controller = new AbortController()
  await assert.rejects(
    toV1(disk, { signal: controller.signal, onProgress: () => controller.abort() }),
    refusal('WALV_ABORTED'),
  )
  assert.deepEqual(await namesOn(disk, '/data'), ['v1', 'v2'])
})

test('a disk that fails in a conversion is told with where it was to go', async () => {
  const disk = await v1Log(segment(0))
  disk.onOperation = ({ kind, path }) =>
    kind === 'rename' && path === `${V2}.walv-converting` ? { code: 'EIO' } : undefined
  await assert.rejects(toV2(disk), (error: WalError) => {
    assert.match(error.message, /^The log could not be converted into \/data\/v2\b/)
    assert.equal(error.file, V2)
    return refusal('WALV_IO')(error)
  })
})

/** A v2 log with what `write` appends behind one insert. */
async function v2Log(write: (wal: Wal) => Promise<unknown>): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { directory: V2 })
  await wal.append({ type: 'insert', id: 'a', vector: [1], metadata: { k: 'v' } })
  await write(wal)
  await wal.close()
  return disk
}

for (const [what, write, message] of [
  [
    'a custom record',
    (wal) => wal.append({ type: 'custom', kind: 'mine', data: new Uint8Array() }),
    'Record 1 is a custom, which format v1 cannot hold. The log stays as it is; no v1 directory was made of it.',
  ],
  [
    'an update of metadata alone',
    (wal) => wal.append({ type: 'update', id: 'a', metadata: 'x' }),
    'Record 1 changes "a" in a way that format v1 cannot hold: it has no updates of metadata alone, and none that remove it. The log stays as it is.',
  ],
  [
    'an update that clears metadata',
    (wal) => wal.append({ type: 'update', id: 'a', vector: [1], metadata: null }),
    'Record 1 changes "a" in a way that format v1 cannot hold: it has no updates of metadata alone, and none that remove it. The log stays as it is.',
  ],
  [
    'a prepared transaction',
    (wal) => wal.begin().prepare(),
    'Record 2 is a prepareTransaction, which format v1 cannot hold. The log stays as it is; no v1 directory was made of it.',
  ],
  [
    'an entry of a transaction while another has begun',
    async (wal) => {
      const [first, second] = [wal.begin(), wal.begin()]
      first.delete('a')
      await Promise.all([first.commit(), second.commit()])
    },
    'Record 3 does not stand within its transaction alone, and format v1 cannot tell to which of several it belongs.',
  ],
  [
    'a single entry while a transaction has begun',
    async (wal) => {
      const transaction = wal.begin()
      await wal.append({ type: 'delete', id: 'a' })
      await transaction.commit()
    },
    'Record 2 does not stand within its transaction alone, and format v1 cannot tell to which of several it belongs.',
  ],
] as const satisfies readonly (readonly [string, (wal: Wal) => Promise<unknown>, string])[]) {
  test(`to v1: ${what} is refused with its number, and nothing is left`, async () => {
    const disk = await v2Log(write)
    await assert.rejects(toV1(disk), (error: WalError) => {
      assert.equal(error.message, message)
      assert.equal(error.seq, Number(/\d+/.exec(message)![0]))
      return refusal('WALV_INVALID_ENTRY')(error)
    })
    assert.deepEqual(await namesOn(disk, '/data'), ['v2'])
  })
}

test('to v1: transactions that end in another order than they began are told as they were', async () => {
  const disk = await v2Log(async (wal) => {
    const [first, second, third] = [wal.begin(), wal.begin(), wal.begin()]
    await second.commit()
    third.delete('c')
    await third.abort()
    first.delete('a')
    await first.commit()
    await wal.append({ type: 'delete', id: 'single' })
  })
  assert.equal((await toV1(disk)).records, 10)
  assert.equal((await payloadsOf(disk, BACK)).length, 10)
  await convertToV2({ from: BACK, to: '/data/again', disk })
  const text = ({ entry, transactionId }: WalRecord): string => `${entry.type} ${transactionId}`
  assert.deepEqual((await recordsIn(disk, '/data/again')).map(text), (await recordsIn(disk)).map(text))
})

test('to v1: checkpoints are left out and counted', async () => {
  const disk = await v2Log(async (wal) => {
    await wal.checkpoint({ seq: 0, snapshot: async () => null })
    await wal.append({ type: 'delete', id: 'a' })
  })
  assert.deepEqual(await toV1(disk), { records: 2, withoutCounterpart: 1, damage: 0 })
  assert.deepEqual(
    (await payloadsOf(disk, BACK)).map((text) => text.split(' ')[0]),
    ['0', '1'],
    'numbers of v1 are dense',
  )
})

test('to v1: a log that begins in a snapshot is refused, and nothing is left', async () => {
  const disk = await v2Log(async (wal) => {
    for (let count = 0; count < 3; count++) {
      await wal.append({ type: 'custom', kind: 'k', data: new Uint8Array(300_000) })
      await wal.checkpoint({ seq: wal.lastSeq, snapshot: async () => null })
    }
  })
  await assert.rejects(toV1(disk), (error: WalError) => {
    assert.match(
      error.message,
      /^The log in \/data\/v2 begins with record \d+; what came before is in a snapshot, which format v1 cannot hold\.$/,
    )
    assert.ok(error.seq! > 0)
    return refusal('WALV_SEQUENCE_TRIMMED')(error)
  })
  assert.deepEqual(await namesOn(disk, '/data'), ['v2'])
})

test('to v1: a damaged log is refused, or read without what is lost', async () => {
  const disk = await v2Log((wal) => wal.append({ type: 'delete', id: 'b' }))
  const [first] = await placesOf(disk)
  await alterOn(disk, `${V2}/segment-0000000001.walv`, (content) => {
    content[first! + 45]! ^= 1
  })
  await assert.rejects(toV1(disk), refusal('WALV_DAMAGED'))
  assert.deepEqual(await toV1(disk, { policy: 'salvage' }), { records: 1, withoutCounterpart: 0, damage: 1 })
})

const placesOf = async (disk: SimulatedDisk): Promise<number[]> => {
  const copy = disk.kill()
  await copy.rename(V2, '/data/log')
  return (await framesOn(copy, 1)).map(({ at }) => at)
}

test('a log that would not come back as it was is refused, and nothing of it is left', async () => {
  const disk = await v1Log(segment(frame(0), frame(1)))
  await putFile(disk, `/data/other/${nth(1)}`, segment(frame(0), frame(2)))
  await toV2(disk, { from: '/data/other', to: '/data/changed' })
  // Between writing and proving, another log takes the place of the one that was written.
  disk.onOperation = ({ kind, path }) => {
    const name = 'segment-0000000001.walv'
    if (kind === 'unlock' && path.startsWith(V2))
      void disk.rename(`/data/changed/${name}`, join(dirname(path), name))
    return undefined
  }
  await assert.rejects(toV2(disk), (error: WalError) => {
    assert.match(
      error.message,
      /^Converting .* back would not give the same records\. Do not use it, and please report this\.$/,
    )
    assert.equal(error.file, `${V2}.walv-converting`)
    return refusal('WALV_INVALID_FILE')(error)
  })
  assert.deepEqual(await namesOn(disk, '/data'), ['changed', 'other', 'v1'])
})

test('times are seconds in v1 and milliseconds in v2, as far as each can hold them', () => {
  assert.equal(timestampToV2(0n), 0)
  assert.equal(timestampToV2(SECONDS), 1_700_000_000_000)
  const most = 2 ** 48 - 1
  const seconds = BigInt(Math.floor(most / 1000))
  assert.equal(timestampToV2(seconds), Number(seconds) * 1000)
  assert.equal(timestampToV2(seconds + 1n), most)
  assert.equal(timestampToV2(2n ** 64n - 1n), most)
  assert.deepEqual([timestampToV1(1999), timestampToV1(2000), timestampToV1(0)], [1n, 2n, 0n])
})

const withMetadata = (metadata: ReadonlyMap<string, string> | null): V1Entry =>
  ({ ...insert('a', 1), metadata }) as V1Entry

const metadataToV2 = (...members: readonly [string, string][]): unknown =>
  (entryToV2(withMetadata(new Map(members))) as { metadata: unknown }).metadata

test('metadata of v1 is an object of strings in v2; what v1 could not hold stands as JSON under one key', () => {
  assert.deepEqual(metadataToV2(), {})
  assert.deepEqual(metadataToV2(['a', 'b'], ['c', 'd']), { a: 'b', c: 'd' })
  assert.equal((entryToV2(withMetadata(null)) as { metadata: unknown }).metadata, null)
  for (const value of [{ n: 1 }, ['x'], 'text', 7, true, null, { 'walv.json': 'x' }, { a: { b: 'c' } }]) {
    const text = JSON.stringify(value)
    assert.deepEqual(metadataToV2(['walv.json', text]), value, text)
    assert.deepEqual(metadataToV2(['walv.json', text], ['other', 'x']), { 'walv.json': text, other: 'x' })
  }
  for (const text of ['{"a":"b"}', '{}', '{ "n": 1 }', 'no JSON', '1.0'])
    assert.deepEqual(metadataToV2(['walv.json', text]), { 'walv.json': text }, text)
})

const metadataToV1 = (metadata: Extract<BatchMember, { type: 'insert' }>['metadata']): unknown => {
  const entry = entryToV1(
    { type: 'insert', id: 'a', vector: [1] as never, ...(metadata === undefined ? {} : { metadata }) },
    0,
    0n,
  )
  const { metadata: found } = entry as { metadata: ReadonlyMap<string, string> | null }
  return found && [...found]
}

test('metadata of v2 comes back as it was', () => {
  assert.equal(metadataToV1(undefined), null)
  assert.equal(metadataToV1(null), null)
  assert.deepEqual(metadataToV1({}), [])
  assert.deepEqual(metadataToV1({ a: 'b', c: 'd' }), [
    ['a', 'b'],
    ['c', 'd'],
  ])
  for (const value of [{ n: 1 }, ['x'], [], 'text', 7, { 'walv.json': 'x' }, { a: 'b', n: 1 }] as const)
    assert.deepEqual(metadataToV1(value), [['walv.json', JSON.stringify(value)]])
  assert.deepEqual(metadataToV1({ 'walv.json': 'x', a: 'b' }), [
    ['walv.json', 'x'],
    ['a', 'b'],
  ])
})

test('what v2 has no form of has none: checkpoints and markers, alone or in a batch', () => {
  const without: V1Entry[] = [
    { type: 'checkpoint', sequenceNumber: 1n, timestamp: 0n },
    marker('beginTransaction', 1n),
    marker('commitTransaction', 1n),
    marker('abortTransaction', 1n),
  ]
  for (const entry of without) assert.equal(entryToV2(entry), undefined)
  const batch: V1Entry = {
    type: 'batch',
    entries: [...without, { type: 'delete', id: 'a', timestamp: 0n }],
    timestamp: 0n,
  }
  assert.deepEqual(entryToV2(batch), { type: 'batch', entries: [{ type: 'delete', id: 'a' }] })
  assert.deepEqual(entryToV2({ ...insert('a', 1), type: 'update' } as V1Entry), {
    type: 'update',
    id: 'a',
    vector: Float32Array.of(1),
  })
})

test('notes come back as they were, and what is none is refused', () => {
  const payload = Uint8Array.of(1, 2, 3)
  for (const note of [
    { is: 'original', seq: 2n ** 64n - 1n, payload },
    { is: 'alone', seq: 0n, payload: new Uint8Array() },
  ] as const) {
    const decoded = decodeNote(encodeNote(note)) as { is: string; seq: bigint; payload: Uint8Array }
    assert.deepEqual([decoded.is, decoded.seq, [...decoded.payload]], [note.is, note.seq, [...note.payload]])
  }
  assert.deepEqual(decodeNote(encodeNote({ is: 'added' })), { is: 'added' })
  const within = Buffer.concat([Buffer.of(7), encodeNote({ is: 'alone', seq: 5n, payload })]).subarray(1)
  assert.equal((decodeNote(within) as { seq: bigint }).seq, 5n)
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(8), Buffer.alloc(9, 3)])
    assert.throws(
      () => decodeNote(bytes),
      (error: WalError) => {
        assert.equal(error.message, `A walv.v1 record of ${bytes.length} bytes makes no sense.`)
        return refusal('WALV_INVALID_FILE')(error)
      },
    )
})
