import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  collect,
  customOf,
  FailingDisk,
  frameOfEntry,
  insert,
  openOn,
  putFile,
  refusal,
  SimulatedDisk,
  segmentAt,
  segmentOf,
  type WalError,
} from '../../support/kit.ts'
import { fiveSegments, opened, seqsOf, units } from './logs-to-read.ts'

const KIB = 1024

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
  const Bytes = Uint8Array
  let decoded = 0
  globalThis.Uint8Array = new Proxy(Bytes, {
    construct(target, args, made) {
      if (args[0] instanceof Bytes) decoded++
      return Reflect.construct(target, args, made)
    },
  })
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
    globalThis.Uint8Array = Bytes
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
