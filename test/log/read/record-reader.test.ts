import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  alter,
  appendAll,
  brief,
  collect,
  type Damage,
  FailingDisk,
  frameOf,
  insert,
  insertOf,
  names,
  openWal,
  refusal,
  segmentsIn,
  temporaryDirectory,
  type Wal,
  type WalError,
} from '../../support/kit.ts'

const KIB = 1024

const seqsFrom = async (wal: Wal, from?: number): Promise<number[]> =>
  (await collect(wal.read(from === undefined ? {} : { from }))).map(({ seq }) => seq)

test('reading begins where it is told to, also in the middle of a segment and behind the end', async (t) => {
  const wal = await openWal(t, { directory: await temporaryDirectory(t) })
  await wal.append(insertOf('fills-the-first', 240 * KIB))
  for (const id of names('id', 6)) await wal.append(insertOf(id, 60 * KIB))
  assert.ok(wal.stats().segments > 1)
  for (let from = 0; from <= 7; from++) {
    const expected = Array.from({ length: 7 - from }, (_, index) => from + index)
    assert.deepEqual(await seqsFrom(wal, from), expected)
  }
  assert.deepEqual(await seqsFrom(wal, 1000), [])
})

test('a place that is no whole number is refused', async (t) => {
  const wal = await openWal(t, { directory: await temporaryDirectory(t) })
  for (const from of [-1, 0.5, Number.NaN, 2 ** 53, '3' as never]) {
    assert.throws(() => wal.read({ from }), refusal('WALV_INVALID_OPTION'))
  }
})

test('a place that is no longer kept is refused, and the error says where the log begins', async (t) => {
  const wal = await openWal(t, { directory: await temporaryDirectory(t), checkpointRetention: 1 })
  await wal.append(insertOf('fills-the-first', 240 * KIB))
  await wal.append(insertOf('in-the-second', 60 * KIB))
  await wal.checkpoint({ seq: 1, snapshot: async () => null })
  assert.throws(
    () => wal.read({ from: 0 }),
    (error: WalError) => error.seq === 1 && refusal('WALV_SEQUENCE_TRIMMED')(error),
  )
  assert.deepEqual(await seqsFrom(wal), [1, 2])
  assert.throws(() => wal.replay({ after: -1, from: 0 }), refusal('WALV_SEQUENCE_TRIMMED'))
})

test('reading ends with what was acknowledged when it began', async (t) => {
  const wal = await openWal(t, { directory: await temporaryDirectory(t) })
  await appendAll(wal, names('id', 3))
  const reading = wal.read()
  await wal.append(insert('later'))
  assert.equal((await collect(reading)).length, 3)
  assert.equal((await collect(wal.read())).length, 4)
})

test('several readings go on beside each other and beside appends', async (t) => {
  const wal = await openWal(t, { directory: await temporaryDirectory(t) })
  await appendAll(wal, names('id', 500))
  const readings = Array.from({ length: 8 }, (_, index) => seqsFrom(wal, index * 50))
  await appendAll(wal, names('more', 500))
  for (const [index, found] of (await Promise.all(readings)).entries()) {
    assert.deepEqual([found[0], found.at(-1), found.length], [index * 50, 499, 500 - index * 50])
  }
})

test('a reading that is left early closes its file', async (t) => {
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory: await temporaryDirectory(t), disk })
  await appendAll(wal, names('id', 100))
  const open = (): number => disk.count('open') - disk.count('close')
  const before = open()
  for await (const { seq } of wal.read()) if (seq === 3) break
  assert.equal(open(), before)
})

test('a signal ends a reading', async (t) => {
  const wal = await openWal(t, { directory: await temporaryDirectory(t) })
  for (const id of names('id', 40)) await wal.append(insertOf(id, 100 * KIB))
  await assert.rejects(collect(wal.read({ signal: AbortSignal.abort() })), refusal('WALV_ABORTED'))
  const controller = new AbortController()
  const read: number[] = []
  const reading = async (): Promise<void> => {
    for await (const { seq } of wal.read({ signal: controller.signal })) {
      read.push(seq)
      controller.abort()
    }
  }
  await assert.rejects(reading(), refusal('WALV_ABORTED'))
  assert.ok(read.length < 40)
})

test('damage that came after opening is found by reading, at its place', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await appendAll(wal, names('id', 5))
  const [path] = await segmentsIn(directory)
  await alter(path!, (content) => {
    content[frameOf(content, 'id-2') + 45]! ^= 1
    return content
  })
  const seen: number[] = []
  const reading = async (): Promise<void> => {
    for await (const { seq } of wal.read()) seen.push(seq)
  }
  await assert.rejects(reading(), (error: WalError) => {
    assert.deepEqual((error.detail as Damage[]).map(brief), ['corrupt 2..2 true'])
    return refusal('WALV_DAMAGED')(error)
  })
  assert.deepEqual(seen, [0, 1])
  assert.deepEqual(await seqsFrom(wal, 3), [3, 4], 'what stands behind it is still there')
})

test('a reading that retention overtakes says so', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory, segmentMaxBytes: 64 * KIB, checkpointRetention: 1 })
  await wal.append(insertOf('fills-the-first', 240 * KIB))
  for (const id of names('id', 20)) await wal.append(insertOf(id, 60 * KIB))
  const reading = wal.read()
  assert.equal((await reading.next()).value?.seq, 0)
  await wal.checkpoint({ seq: wal.lastSeq, snapshot: async () => null })
  await assert.rejects(collect(reading), refusal('WALV_SEQUENCE_TRIMMED'))
})

test('a reading that retention overtakes in the middle of a segment says where, and has given nothing that was not logged', async (t) => {
  const wal = await openWal(t, {
    directory: await temporaryDirectory(t),
    durability: 'os',
    checkpointRetention: 1,
  })
  // Segments double from 256 KiB on: the one that ends at about 16 MiB has 8.
  for (const id of names('id', 200)) await wal.append(insertOf(id, 100 * KIB))
  const reading = wal.read({ from: 100 })
  assert.equal((await reading.next()).value?.seq, 100)
  await wal.checkpoint({ seq: wal.lastSeq, snapshot: async () => null })
  const seen: number[] = []
  const rest = async (): Promise<void> => {
    for await (const { seq } of reading) seen.push(seq)
  }
  await assert.rejects(rest(), (error: WalError) => {
    assert.equal(error.seq, 101 + seen.length)
    return refusal('WALV_SEQUENCE_TRIMMED')(error)
  })
  assert.deepEqual(
    seen,
    Array.from({ length: seen.length }, (_, i) => 101 + i),
  )
  assert.ok(seen.length < 40, `${seen.length} were still read`)
})

test('memory stays bounded while a large log is read', async (t) => {
  const wal = await openWal(t, { directory: await temporaryDirectory(t), durability: 'os' })
  const data = new Uint8Array(1000 * KIB)
  for (let count = 0; count < 150; count++) await wal.append({ type: 'custom', kind: 'large', data })
  let most = 0
  const before = process.memoryUsage().rss
  let count = 0
  for await (const { entry } of wal.read()) {
    if (entry.type === 'custom') count += entry.data.length
    most = Math.max(most, process.memoryUsage().rss)
    // Gives the garbage collector, whose work this is not about, a turn.
    if (count % 5 === 0) await delay(0)
  }
  assert.equal(count, 150 * data.length)
  assert.ok(most - before < 100 * KIB * KIB, `${Math.round((most - before) / KIB / KIB)} MiB more`)
})
