import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  appendAll,
  type CommittedUnit,
  type Disk,
  failingLog,
  insert,
  insertOf,
  names,
  nodeDisk,
  openWal,
  refusal,
  temporaryDirectory,
  until,
  type Wal,
} from '../../support/kit.ts'

const snapshot = async (): Promise<null> => null

const idsOf = ({ entries }: CommittedUnit): string =>
  entries.map((entry) => ('id' in entry ? entry.id : entry.type)).join()

/** The next so many units of a tail. */
async function take(tail: AsyncIterator<CommittedUnit>, count: number): Promise<string[]> {
  const taken: string[] = []
  while (taken.length < count) {
    const { value, done } = await tail.next()
    if (done) break
    taken.push(idsOf(value))
  }
  return taken
}

/** The log that is written, and who tails it. */
type Pair = (t: TestContext, options?: object) => Promise<{ writer: Wal; reader: Wal }>

const own: Pair = async (t, options = {}) => {
  const writer = await openWal(t, { directory: await temporaryDirectory(t), ...options })
  return { writer, reader: writer }
}
const followed: Pair = async (t, options = {}) => {
  const { writer } = await own(t, options)
  return { writer, reader: await openWal(t, { directory: writer.directory, follow: true }) }
}

for (const [whose, open] of [
  ['its own log', own],
  ['a followed log', followed],
] as const) {
  test(`a tail of ${whose} has first what is there, and then what comes`, async (t) => {
    const { writer, reader } = await open(t)
    await appendAll(writer, names('a', 3))
    const tail = reader.tail()
    assert.deepEqual(await take(tail, 3), names('a', 3))
    const waiting = take(tail, 2)
    await appendAll(writer, names('b', 2))
    assert.deepEqual(await waiting, names('b', 2))
  })

  test(`a tail of ${whose} goes on over rotations, one segment after another`, async (t) => {
    const { writer, reader } = await open(t, { segmentMaxBytes: 64 * 1024 })
    const taken = take(reader.tail({ from: 0 }), 300)
    for (let round = 0; round < 10; round++)
      await Promise.all(names(`${round}`, 30).map((id) => writer.append(insertOf(id, 4_000))))
    assert.deepEqual(await taken, Array.from({ length: 10 }, (_, round) => names(`${round}`, 30)).flat())
    assert.ok(writer.stats().segments > 5)
  })

  test(`a transaction comes at its commit in a tail of ${whose}, also one that began before it`, async (t) => {
    const { writer, reader } = await open(t)
    const transaction = writer.begin()
    transaction.append(insert('t1'))
    await writer.append(insert('a'))
    const from = writer.lastSeq + 1
    const tail = reader.tail({ from })
    const aborted = writer.begin()
    aborted.append(insert('never'))
    transaction.append(insert('t2'))
    await writer.append(insert('b'))
    await aborted.abort()
    await transaction.commit()
    assert.deepEqual(await take(tail, 2), ['b', 't1,t2'])
  })

  test(`a tail of ${whose} ends when it is aborted, also while it waits`, async (t) => {
    const { writer, reader } = await open(t)
    await writer.append(insert('a'))
    const abort = new AbortController()
    const seen: string[] = []
    for await (const unit of reader.tail({ signal: abort.signal })) {
      seen.push(idsOf(unit))
      setTimeout(() => abort.abort(), 20)
    }
    assert.deepEqual(seen, ['a'])
    assert.deepEqual(await take(reader.tail({ signal: abort.signal }), 1), [])
  })

  test(`a tail of ${whose} ends when the log is closed`, async (t) => {
    const { writer, reader } = await open(t)
    await writer.append(insert('a'))
    const tail = reader.tail()
    assert.deepEqual(await take(tail, 1), ['a'])
    const end = tail.next()
    await delay(20)
    await reader.close()
    assert.deepEqual(await end, { value: undefined, done: true })
    assert.throws(() => reader.tail(), refusal('WALV_CLOSED'))
  })

  test(`a tail of ${whose} that waits can be given up`, async (t) => {
    const { reader } = await open(t)
    const tail = reader.tail()
    const end = tail.next()
    await delay(10)
    assert.deepEqual(await tail.return(), { value: undefined, done: true })
    assert.equal((await end).done, true)
  })

  test(`a tail of ${whose} that retention overtakes says where the log begins`, async (t) => {
    const { writer, reader } = await open(t, { segmentMaxBytes: 64 * 1024, checkpointRetention: 1 })
    await writer.append(insert('a'))
    const tail = reader.tail({ from: 0 })
    await take(tail, 1)
    for (let round = 0; round < 4; round++) {
      await Promise.all(names(`${round}`, 30).map((id) => writer.append(insertOf(id, 8_000))))
      await writer.checkpoint({ seq: writer.lastSeq, snapshot })
    }
    await until(
      () => reader.stats().firstSeq === writer.stats().firstSeq && reader.lastSeq === writer.lastSeq,
    )
    const { firstSeq } = writer.stats()
    assert.ok(firstSeq > 1)
    await assert.rejects(take(tail, 1_000), refusal('WALV_SEQUENCE_TRIMMED'))
    await assert.rejects(reader.tail({ from: 0 }).next(), refusal('WALV_SEQUENCE_TRIMMED'))
    const count = writer.lastSeq - firstSeq
    assert.equal((await take(reader.tail(), count - 3)).length, count - 3)
  })
}

test('what nobody asks for is not read', async (t) => {
  const directory = await temporaryDirectory(t)
  let bytes = 0
  const disk: Disk = {
    ...nodeDisk,
    async open(path, mode) {
      const file = await nodeDisk.open(path, mode)
      const read = file.read.bind(file)
      if (mode === 'read')
        file.read = async (buffer, position) => {
          const count = await read(buffer, position)
          bytes += count
          return count
        }
      return file
    },
  }
  const writer = await openWal(t, { directory, disk })
  for (let round = 0; round < 20; round++)
    await Promise.all(names(`${round}`, 100).map((id) => writer.append(insertOf(id, 8_000))))
  bytes = 0
  const tail = writer.tail()
  await take(tail, 1)
  await delay(50)
  assert.ok(bytes > 0 && bytes < 4 * 1024 * 1024, `${bytes} bytes were read for one record of 16 MB`)
})

test('a tail of a log that stops for good says why, after what was acknowledged', async (t) => {
  const { wal, disk } = await failingLog()
  t.after(() => wal.close().catch(() => {}))
  await wal.append(insert('a'))
  const tail = wal.tail()
  assert.deepEqual(await take(tail, 1), ['a'])
  const end = tail.next()
  disk.fail({ operation: 'write', code: 'EIO' })
  disk.fail({ operation: 'writeSynced', code: 'EIO' })
  await assert.rejects(wal.append(insert('b')), refusal('WALV_IO'))
  await assert.rejects(end, refusal('WALV_POISONED'))
})

test('a log that was opened read-only alone has no tail', async (t) => {
  const { writer } = await own(t)
  const reader = await openWal(t, { directory: writer.directory, readOnly: true })
  assert.throws(() => reader.tail(), refusal('WALV_READ_ONLY'))
})
