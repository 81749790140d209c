import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  alterOn,
  type BatchMember,
  collect,
  customOf,
  openOn,
  refusal,
  SimulatedDisk,
  segmentAt,
  type Wal,
  type WalRecord,
} from '../../support/kit.ts'

const KIB = 1024
const DIMENSIONS = 1000

const vectorOf = (value: number): Float32Array => new Float32Array(DIMENSIONS).fill(value)
const insertOf = (value: number): BatchMember => ({
  type: 'insert',
  id: `id-${value}`,
  vector: vectorOf(value),
  metadata: null,
})

/** Three megabytes of everything that has bytes of its own: more than one read brings. */
async function longLog(): Promise<Wal> {
  const wal = await openOn(new SimulatedDisk())
  await wal.append(customOf(4 * KIB * KIB))
  for (let value = 1; value <= 200; value++) {
    void wal.append(insertOf(value))
    void wal.append({ type: 'update', id: `id-${value}`, vector: vectorOf(-value) })
    void wal.append({
      type: 'batch',
      entries: [insertOf(value + 0.5), { type: 'custom', kind: 'k', data: new Uint8Array(3000).fill(value) }],
    })
  }
  await wal.flush()
  return wal
}

test('a borrowed record is what a copied one is, until the next is asked for', async () => {
  const wal = await longLog()
  const copies = await collect(wal.read({ from: 1 }))
  const seen: WalRecord[] = []
  for await (const record of wal.read({ from: 1, borrow: true })) {
    assert.deepEqual(record, copies[seen.length])
    seen.push(record)
  }
  assert.equal(seen.length, copies.length)
  assert.notDeepEqual(seen, copies, 'the memory of early ones was used again')
})

test('what is not borrowed is its own: nothing else is in its memory, and it stays as it is', async () => {
  const wal = await longLog()
  const records = await collect(wal.read({ from: 1 }))
  const first = records[0]!.entry
  assert.ok(first.type === 'insert')
  assert.equal(first.vector.buffer.byteLength, DIMENSIONS * 4)
  assert.deepEqual(first.vector, vectorOf(1))
})

test('a transaction is whole, though it was read long before its commit, from memory that was used again', async () => {
  const wal = await openOn(new SimulatedDisk())
  // The next segment has room for all of it.
  await wal.append(customOf(4 * KIB * KIB))
  // Not in the memory of the first read, which is not used again.
  for (let times = 0; times < 100; times++) void wal.append(customOf(30 * KIB))
  const transaction = wal.begin()
  const data = new Uint8Array(100).fill(9)
  transaction.append(insertOf(7))
  transaction.append({ type: 'update', id: 'id-7', vector: vectorOf(8) })
  transaction.append({ type: 'batch', entries: [insertOf(9), { type: 'custom', kind: 'k', data }] })
  transaction.append({ type: 'update', id: 'id-7', metadata: 'm' })
  transaction.delete('other')
  for (let times = 0; times < 100; times++) void wal.append(customOf(30 * KIB))
  await transaction.commit()
  const units = await collect(wal.replay({ borrow: true }))
  assert.deepEqual(units.at(-1)!.entries, [
    insertOf(7),
    { type: 'update', id: 'id-7', vector: vectorOf(8) },
    { type: 'batch', entries: [insertOf(9), { type: 'custom', kind: 'k', data }] },
    { type: 'update', id: 'id-7', metadata: 'm' },
    { type: 'delete', id: 'other' },
  ])
})

test('records asked for at once come in their order, and then the end', async () => {
  const wal = await openOn(new SimulatedDisk())
  for (let value = 0; value < 3; value++) await wal.append(insertOf(value))
  const reading = wal.read()
  const results = await Promise.all(Array.from({ length: 5 }, () => reading.next()))
  assert.deepEqual(
    results.map(({ value, done }) => (value ? value.seq : done)),
    [0, 1, 2, true, true],
  )
})

test('a reading that is given up has nothing more, and lets go of its file', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  for (let value = 0; value < 3; value++) await wal.append(insertOf(value))
  const openFiles = (): number =>
    disk.ops.filter(({ kind }) => kind === 'open').length -
    disk.ops.filter(({ kind }) => kind === 'close').length
  const before = openFiles()
  for await (const { seq } of wal.read()) if (seq === 1) break
  assert.equal(openFiles(), before)
  const reading = wal.read()
  await reading.next()
  assert.equal(openFiles(), before + 1)
  await assert.rejects(reading.throw(new Error('enough')), { message: 'enough' })
  assert.equal(openFiles(), before)
  assert.deepEqual(await reading.next(), { value: undefined, done: true })
  await using disposed = wal.read()
  await disposed.next()
})

test('where a record is lost reading stops, for good, and lets go of its file', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  for (let value = 0; value < 3; value++) await wal.append(insertOf(value))
  await alterOn(disk, segmentAt(1), (content) => content.fill(1, 6000, 6010))
  const reading = wal.read()
  assert.equal((await reading.next()).value!.seq, 0)
  await assert.rejects(reading.next(), refusal('WALV_DAMAGED'))
  assert.deepEqual(await reading.next(), { value: undefined, done: true })
})
