import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FRAME_TYPES } from '../../../src/format/frame.ts'
import {
  type BatchMember,
  type Damage,
  scanLog,
  type Wal,
  WalError,
  type WalRecord,
} from '../../../src/mod.ts'
import { SimulatedDisk } from '../../../src/testing/disk/simulated-disk.ts'
import { FailingDisk } from '../../support/failing-disk.ts'
import { frameOfEntry, frameOfPayload, promiseOf, segmentOf } from '../../support/frames.ts'
import { collect, customOf, insert, refusal } from '../../support/logs.ts'
import { alterOn, DIRECTORY, framesOn, openOn, putFile, segmentAt } from '../../support/simulated-log.ts'

const KIB = 1024

/** Ten records of 100 KiB, two to each of five segments; closed. */
async function fiveSegments(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { segmentMaxBytes: 256 * KIB })
  for (let number = 0; number < 10; number++) await wal.append(customOf(100 * KIB))
  assert.equal(wal.stats().segments, 5)
  await wal.close()
  return disk
}

const seqsOf = (records: readonly WalRecord[]): number[] => records.map(({ seq }) => seq)

const opened = (disk: SimulatedDisk, from: number): string[] =>
  disk.ops.slice(from).flatMap(({ kind, path }) => (kind === 'open' ? [path] : []))

test('reading from a place on opens no segment that ends before it', async () => {
  const disk = await fiveSegments()
  const wal = await openOn(disk, { readOnly: true })
  for (const [from, segments] of [
    [0, [1, 2, 3, 4, 5]],
    [1, [1, 2, 3, 4, 5]],
    [2, [2, 3, 4, 5]],
    [5, [3, 4, 5]],
    [8, [5]],
    [9, [5]],
    [10, [5]],
    [1000, [5]],
  ] as const) {
    const before = disk.ops.length
    assert.deepEqual(seqsOf(await collect(wal.read({ from }))), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].slice(from))
    assert.deepEqual(opened(disk, before), segments.map(segmentAt), `from ${from}`)
  }
})

test('reading begins when it is asked for, and ends with what was acknowledged then', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(insert('a'))
  const reading = wal.read()
  await wal.append(insert('b'))
  assert.deepEqual(seqsOf(await collect(reading)), [0])
  await wal.close()
})

test('a place to read from is a whole number that is still kept', async () => {
  const disk = new SimulatedDisk()
  await putFile(
    disk,
    segmentAt(1),
    segmentOf({ firstSeq: 5, durableBefore: 5 }, (seed) => [
      frameOfEntry({ type: 'delete', id: 'a' }, { seq: 5 }, seed),
    ]),
  )
  const wal = await openOn(disk, { readOnly: true, recovery: 'salvage' })
  assert.deepEqual(seqsOf(await collect(wal.read())), [5])
  assert.deepEqual(await units(wal), [[5, ['a']]])
  assert.throws(() => wal.replay({ after: 3 }), refusal('WALV_SEQUENCE_TRIMMED'))
  assert.deepEqual(seqsOf(await collect(wal.read({ from: 5 }))), [5])
  assert.throws(
    () => wal.read({ from: 4 }),
    (error: WalError) => {
      assert.deepEqual(
        [error.seq, error.message],
        [
          5,
          'Record 4 is no longer kept: the log in /data/log begins with record 5. Start from there, or from the last snapshot.',
        ],
      )
      return refusal('WALV_SEQUENCE_TRIMMED')(error)
    },
  )
  for (const from of [-1, 0.5, Number.NaN])
    assert.throws(() => wal.read({ from }), {
      code: 'WALV_INVALID_OPTION',
      message: /^The option from must be a whole number/,
    })
})

test('records are handed on as they are read, not a segment at a time', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(customOf(6 * KIB * KIB))
  await Promise.all(Array.from({ length: 60 }, () => wal.append(customOf(50 * KIB))))
  assert.equal(wal.stats().rotations, 2)
  const before = disk.ops.length
  const reading = wal.read({ from: 1 })
  const readings: number[] = []
  for await (const { seq } of reading) {
    readings[seq] = disk.ops.slice(before).filter(({ kind }) => kind === 'read').length
  }
  assert.ok(readings[1]! <= 2, `${readings[1]} reads before the first record`)
  assert.ok(readings[60]! >= 3)
  await wal.close()
})

test('memory is bounded: what a read of the file brought is handed on before the next', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(customOf(2 * KIB * KIB))
  await Promise.all(Array.from({ length: 100 }, () => wal.append(customOf(20 * KIB))))
  // A record counts as decoded once its data is a copy of its own.
  const from = Uint8Array.from
  let decoded = 0
  Uint8Array.from = ((source: Uint8Array) => {
    decoded++
    return from.call(Uint8Array, source)
  }) as typeof Uint8Array.from
  try {
    let handed = 0
    let most = 0
    for await (const { seq } of wal.read({ from: 1 })) {
      handed++
      most = Math.max(most, decoded - handed)
      assert.ok(seq > 0)
    }
    assert.equal(handed, 100)
    assert.ok(most < 53, `${most} records of 20 KiB waited`)
    assert.ok(most > 48, `${most} records of 20 KiB waited`)
  } finally {
    Uint8Array.from = from
  }
  await wal.close()
})

test('a file that cannot be opened or read any more is an error with its name; one that is gone was let go of', async () => {
  const disk = await fiveSegments()
  const wal = await openOn(disk, { readOnly: true })
  for (const kind of ['open', 'read'] as const) {
    disk.onOperation = (operation) =>
      operation.kind === kind && operation.path === segmentAt(3) ? { code: 'EMFILE' } : undefined
    const found: number[] = []
    await assert.rejects(
      async () => {
        for await (const { seq } of wal.read()) found.push(seq)
      },
      {
        code: 'WALV_IO',
        file: segmentAt(3),
        message: /^\/data\/log\/segment-0000000003\.walv cannot be read \(EMFILE/,
      },
    )
    assert.deepEqual(found, [0, 1, 2, 3])
  }
  disk.onOperation = undefined
  await disk.remove(segmentAt(3))
  await assert.rejects(collect(wal.read()), (error: WalError) => {
    assert.deepEqual([error.file, error.seq], [segmentAt(3), 4])
    assert.match(
      error.message,
      /^Record 4 and those behind it were removed while they were being read, as a checkpoint does that covers them\. This log was opened read-only, .*: open it again,/,
    )
    return refusal('WALV_SEQUENCE_TRIMMED')(error)
  })
  assert.deepEqual(seqsOf(await collect(wal.read({ from: 6 }))), [6, 7, 8, 9])
})

test('a reader that retention overtakes is told what then succeeds: the writer to read again, a read-only one to open again', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { segmentMaxBytes: 64 * 1024, checkpointRetention: 1 })
  const fill = async (): Promise<void> => {
    for (let count = 0; count < 3; count++) await wal.append(customOf(300_000))
  }
  await fill()
  const reader = await openOn(disk, { readOnly: true })
  const begun = wal.read()
  await fill()
  await wal.checkpoint({ seq: wal.lastSeq, snapshot: async () => null })
  await assert.rejects(collect(begun), {
    code: 'WALV_SEQUENCE_TRIMMED',
    message: /\. Read again, from the oldest record/,
  })
  assert.ok((await collect(wal.read())).length > 0)
  for (let time = 0; time < 2; time++) {
    const overtaken = { code: 'WALV_SEQUENCE_TRIMMED', message: /opened read-only, .*: open it again/ }
    await assert.rejects(collect(reader.read()), overtaken)
  }
  assert.ok((await collect((await openOn(disk, { readOnly: true })).read())).length > 0)
  await wal.close()
})

test('a signal ends a reading, at its beginning or later, and what was opened is closed', async () => {
  const disk = await fiveSegments()
  const wal = await openOn(disk, { readOnly: true })
  const aborted = AbortSignal.abort(new Error('enough'))
  const check = (error: WalError): boolean => {
    assert.equal(error.message, 'Reading the log was aborted.')
    assert.equal((error.cause as Error).message, 'enough')
    return refusal('WALV_ABORTED')(error)
  }
  const before = disk.ops.length
  await assert.rejects(collect(wal.read({ signal: aborted })), check)
  await assert.rejects(collect(wal.replay({ signal: aborted })), check)
  const count = (kind: string): number =>
    disk.ops.slice(before).filter((operation) => operation.kind === kind).length
  assert.equal(count('close'), count('open'))
  const controller = new AbortController()
  const found: number[] = []
  await assert.rejects(async () => {
    for await (const { seq } of wal.read({ signal: controller.signal })) {
      found.push(seq)
      if (seq === 3) controller.abort(new Error('enough'))
    }
  }, check)
  assert.deepEqual(found, [0, 1, 2, 3])
  assert.equal(count('close'), count('open'))
})

/** A byte in the middle of a record is changed. */
const spoil = async (disk: SimulatedDisk, segment: number, seq: number): Promise<void> => {
  const frame = (await framesOn(disk, segment)).find((each) => each.seq === seq)!
  await alterOn(disk, segmentAt(segment), (content) => {
    content[frame.at + 1000]! ^= 1
  })
}

test('damage that came after opening is an error at its place, and names what is lost', async () => {
  const disk = await fiveSegments()
  const wal = await openOn(disk, { readOnly: true })
  await spoil(disk, 3, 5)
  const found: number[] = []
  const error = await (async () => {
    for await (const { seq } of wal.read()) found.push(seq)
  })().catch((reason: WalError) => reason)
  assert.ok(error instanceof WalError && refusal('WALV_DAMAGED')(error))
  assert.deepEqual(found, [0, 1, 2, 3, 4])
  const at = (await framesOn(disk, 3)).find(({ seq }) => seq === 5)!.at
  assert.deepEqual([error.file, error.offset], ['segment-0000000003.walv', at])
  assert.equal(
    error.message,
    `segment-0000000003.walv at offset ${at}: the content does not match its checksum; acknowledged record 5 is lost. Reading stopped there. See everything with: npx walv doctor.`,
  )
  assert.deepEqual(
    (error.detail as Damage[]).map(({ seqs }) => seqs),
    [[{ from: 5, through: 5 }]],
  )
  assert.deepEqual(
    seqsOf(await collect(wal.read({ from: 6 }))),
    [6, 7, 8, 9],
    'reading behind it is not concerned',
  )
  await assert.rejects(collect(wal.read({ from: 5 })), refusal('WALV_DAMAGED'))
})

test('a reading that begins behind what is lost, in the same segment, is not concerned', async () => {
  const disk = await fiveSegments()
  const wal = await openOn(disk, { readOnly: true })
  await spoil(disk, 3, 4)
  assert.deepEqual(seqsOf(await collect(wal.read({ from: 5 }))), [5, 6, 7, 8, 9])
})

test('a bad place that lost no record does not end a reading', async () => {
  const disk = new SimulatedDisk()
  await putFile(
    disk,
    segmentAt(1),
    segmentOf({}, (seed) => [
      frameOfEntry({ type: 'delete', id: 'a' }, { seq: 0 }, seed),
      Buffer.alloc(64, 1),
      frameOfEntry({ type: 'delete', id: 'b' }, { seq: 1 }, seed),
      promiseOf(2, seed),
    ]),
  )
  const wal = await openOn(disk, { readOnly: true })
  assert.deepEqual(
    wal.recovery.damage.map(({ kind, acknowledged }) => [kind, acknowledged]),
    [['corrupt', false]],
  )
  assert.deepEqual(seqsOf(await collect(wal.read())), [0, 1])
})

test('a segment that holds nothing acknowledged yet is not opened', async () => {
  const below = new SimulatedDisk()
  const disk = new FailingDisk(below)
  const wal = await openOn(below, { disk })
  await wal.append(insert('a'))
  const hold = disk.hold('sync', /0002\.walv$/)
  const append = wal.append(customOf(400 * KIB))
  await hold.reached
  const from = disk.calls.length
  assert.deepEqual(seqsOf(await collect(wal.read())), [0])
  const files = disk.calls.slice(from).flatMap(({ operation, path }) => (operation === 'open' ? [path] : []))
  assert.deepEqual(files, [segmentAt(1)])
  hold.release()
  await append
  await wal.close()
})

test("with 'salvage' a reading passes over what is lost", async () => {
  const disk = await fiveSegments()
  await spoil(disk, 3, 4)
  const wal = await openOn(disk, { readOnly: true, recovery: 'salvage' })
  assert.deepEqual(seqsOf(await collect(wal.read())), [0, 1, 2, 3, 5, 6, 7, 8, 9])
  assert.deepEqual(seqsOf(await collect(wal.read({ from: 4 }))), [5, 6, 7, 8, 9])
})

/** A log of one segment, with a record that makes no sense between two others, all promised. */
async function senselessLog(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  await putFile(
    disk,
    segmentAt(1),
    segmentOf({}, (seed) => [
      frameOfEntry({ type: 'delete', id: 'a' }, { seq: 0 }, seed),
      frameOfPayload(Buffer.alloc(4), { type: FRAME_TYPES.insert, seq: 1 }, seed),
      frameOfEntry({ type: 'delete', id: 'b' }, { seq: 2 }, seed),
      promiseOf(3, seed),
    ]),
  )
  return disk
}

test('a record that verifies and makes no sense is damage at its place, passed over with salvage', async () => {
  const disk = await senselessLog()
  const wal = await openOn(disk, { readOnly: true })
  assert.deepEqual(wal.recovery.damage, [], 'only its reader sees it')
  await assert.rejects(collect(wal.read()), (error: WalError) => {
    assert.deepEqual(error.detail, [
      {
        kind: 'corrupt',
        file: 'segment-0000000001.walv',
        offset: 1080,
        bytes: 48,
        acknowledged: true,
        seqs: [{ from: 1, through: 1 }],
        ids: [],
        detail: 'segment-0000000001.walv at offset 1080: record 1 verifies but has no room for its fields.',
      },
    ])
    return refusal('WALV_DAMAGED')(error)
  })
  const salvaged = await openOn(disk, { readOnly: true, recovery: 'salvage' })
  assert.deepEqual(seqsOf(await collect(salvaged.read())), [0, 2])
})

/** What a scan yields, in short: numbers of records, kinds of damage. */
const scanned = async (
  disk: SimulatedDisk,
  options: Partial<Parameters<typeof scanLog>[0]> = {},
): Promise<(number | string)[]> =>
  (await collect(scanLog({ directory: DIRECTORY, disk, ...options }))).map((item) =>
    'record' in item ? item.record.seq : `${item.damage.kind} ${item.damage.file}`,
  )

test('a scan yields every record in order, and nothing else where nothing is wrong', async () => {
  const disk = await fiveSegments()
  assert.deepEqual(await scanned(disk), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
})

test('a scan yields each damage once: at its place, or behind the records of its file, or at the end', async () => {
  const disk = await fiveSegments()
  await spoil(disk, 2, 2)
  await alterOn(disk, segmentAt(3), (content) => content.fill(0, 0, 512))
  await putFile(disk, segmentAt(9), segmentOf({ number: 9, firstSeq: 0 }))
  await disk.makeDirectory(segmentAt(7))
  assert.deepEqual(await scanned(disk), [
    0,
    1,
    'corrupt segment-0000000002.walv',
    3,
    4,
    5,
    'segment-header segment-0000000003.walv',
    6,
    7,
    8,
    9,
    'foreign segment-0000000007.walv',
    'foreign segment-0000000009.walv',
  ])
})

test('a scan yields senseless records as damage, and what follows them', async () => {
  assert.deepEqual(await scanned(await senselessLog()), [0, 'corrupt segment-0000000001.walv', 2])
})

test('a scan stops at the end that the log has, and tells of the torn tail behind it', async () => {
  const disk = new SimulatedDisk()
  await putFile(
    disk,
    segmentAt(1),
    segmentOf({}, (seed) => [
      frameOfEntry({ type: 'delete', id: 'a' }, { seq: 0 }, seed),
      Buffer.alloc(56, 1),
      frameOfEntry({ type: 'delete', id: 'b' }, { seq: 2 }, seed),
    ]),
  )
  assert.deepEqual(await scanned(disk), [0, 'torn-tail segment-0000000001.walv'])
})

test('two places of one kind in one file are two damages', async () => {
  const disk = await fiveSegments()
  await spoil(disk, 2, 2)
  await alterOn(disk, segmentAt(3), (content) => content.fill(0, 0, 1024))
  assert.deepEqual(await scanned(disk), [
    0,
    1,
    'corrupt segment-0000000002.walv',
    3,
    4,
    5,
    'segment-header segment-0000000003.walv',
    'segment-header segment-0000000003.walv',
    6,
    7,
    8,
    9,
  ])
})

test('a scan writes nothing, can be aborted and tells how far it is', async () => {
  const disk = await fiveSegments()
  const before = disk.ops.length
  const progress: [number, number][] = []
  await scanned(disk, { onProgress: (done, total) => progress.push([done, total]) })
  assert.deepEqual(
    progress.map(([done]) => done / (256 * KIB)),
    [1, 2, 3, 4, 5],
  )
  assert.ok(progress.every(([, total]) => total === 5 * 256 * KIB))
  const kinds = new Set(disk.ops.slice(before).map(({ kind }) => kind))
  assert.deepEqual([...kinds].toSorted(), ['close', 'list', 'open', 'read', 'size'])
  await assert.rejects(scanned(disk, { signal: AbortSignal.abort() }))
})

test('a scan of no directory, or of one without a log, is refused or empty', async () => {
  const disk = new SimulatedDisk()
  await assert.rejects(scanned(disk), refusal('WALV_NO_DIRECTORY'))
  await disk.makeDirectory('/data')
  await disk.makeDirectory(DIRECTORY)
  assert.deepEqual(await scanned(disk), [])
})

const units = async (wal: Wal, options: Parameters<Wal['replay']>[0] = {}): Promise<[number, string[]][]> =>
  (await collect(wal.replay(options))).map(({ seq, entries }) => [
    seq,
    entries.map((entry: BatchMember) => ('id' in entry ? entry.id : entry.type)),
  ])

test('a replay begins at the beginning, behind a place, where the checkpoint of that place says, or where it is told to', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(insert('a'))
  const transaction = wal.begin()
  transaction.insert('b', [1])
  const seq = await wal.append(insert('c'))
  const all: [number, string[]][] = [
    [0, ['a']],
    [3, ['c']],
    [4, ['b']],
  ]
  await transaction.commit()
  assert.deepEqual(await units(wal), all)
  assert.deepEqual(await units(wal, { after: 0 }), all.slice(1))
  assert.deepEqual(
    await units(wal, { after: seq }),
    [],
    'without a checkpoint there, nothing tells of the transaction',
  )
  assert.deepEqual(await units(wal, { after: seq, from: 1 }), all.slice(2))
  await wal.checkpoint({ seq, snapshot: async () => null })
  assert.deepEqual(await units(wal, { after: seq }), all.slice(2))
  assert.deepEqual(await units(wal), all)
  assert.deepEqual(await units(wal, { from: 3 }), [[3, ['c']]])
  await wal.close()
})

test('a transaction too large to be held is read again at its commit, from its begin up to there', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { segmentMaxBytes: 256 * KIB })
  const fills = (): Promise<number> => wal.append(customOf(300 * KIB))
  for (let count = 0; count < 2; count++) await fills()
  const transaction = wal.begin()
  for (let count = 0; count < 3; count++) transaction.append(customOf(6 * KIB * KIB))
  await wal.append(insert('between'))
  await transaction.commit()
  for (let count = 0; count < 2; count++) await fills()
  const from = disk.ops.length
  assert.deepEqual(await units(wal, { after: 1 }), [
    [6, ['between']],
    [7, ['custom', 'custom', 'custom']],
    [8, ['custom']],
    [9, ['custom']],
  ])
  const all = Array.from({ length: wal.stats().segments }, (_, index) => segmentAt(index + 1))
  const timesOpened = all.map((path) => opened(disk, from).filter((each) => each === path).length)
  // The first segment is empty, the second holds record 0.
  assert.deepEqual([timesOpened[1], timesOpened.at(-1), Math.max(...timesOpened)], [0, 1, 2])
  await wal.close()
})
