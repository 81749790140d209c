import assert from 'node:assert/strict'
import { test } from 'node:test'
import { replayUnits } from '../../../src/log/read/replay.ts'
import {
  type BatchMember,
  type CommittedUnit,
  collect,
  type WalEntry,
  type WalRecord,
} from '../../support/kit.ts'

const MIB = 1024 * 1024

const begin: WalEntry = { type: 'beginTransaction' }
const prepare: WalEntry = { type: 'prepareTransaction' }
const commit: WalEntry = { type: 'commitTransaction' }
const abort: WalEntry = { type: 'abortTransaction' }
const remove = (id: string): BatchMember => ({ type: 'delete', id })

type Line = WalEntry | readonly [WalEntry, number]

/** Records numbered from 0, each an entry alone or with the transaction that it belongs to. */
function recordsOf(...entries: readonly Line[]): WalRecord[] {
  return entries.map((each, seq) => {
    const [entry, transactionId] = Array.isArray(each)
      ? (each as [WalEntry, number])
      : [each as WalEntry, undefined]
    return { seq, timestamp: 1000 + seq, entry, ...(transactionId === undefined ? {} : { transactionId }) }
  })
}

async function* stream<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

/** The units, and which ranges were read again for them. */
async function unitsOf(
  records: readonly WalRecord[],
  after = -1,
): Promise<{ units: CommittedUnit[]; readAgain: [number, number][] }> {
  const readAgain: [number, number][] = []
  const units = await collect(
    replayUnits(stream(records), after, (from, through) => {
      readAgain.push([from, through])
      return stream(records.filter(({ seq }) => seq >= from && seq <= through))
    }),
  )
  return { units, readAgain }
}

test('a single entry takes effect at its place, whatever kind of entry it is', async () => {
  const entries: BatchMember[] = [
    { type: 'insert', id: 'a', vector: Float32Array.of(1) },
    { type: 'update', id: 'a', metadata: null },
    remove('a'),
    { type: 'batch', entries: [remove('b')] },
    { type: 'custom', kind: 'k', data: Uint8Array.of(1) },
  ]
  const { units } = await unitsOf(recordsOf(...entries))
  assert.deepEqual(
    units,
    entries.map((entry, seq) => ({ seq, timestamp: 1000 + seq, entries: [entry] })),
  )
})

test('checkpoints, gaps and the markers of transactions have no effect of their own', async () => {
  const checkpoint: WalEntry = { type: 'checkpoint', sequenceNumber: 0, replayFrom: 0, snapshot: null }
  const { units } = await unitsOf(
    recordsOf(checkpoint, { type: 'gap', throughSeq: 1 }, [begin, 2], [prepare, 2]),
  )
  assert.deepEqual(units, [])
})

test('the entries of a transaction take effect together at its commit, those of an aborted or open one not at all', async () => {
  const { units } = await unitsOf(
    recordsOf(
      [begin, 0],
      [begin, 1],
      [remove('a'), 0],
      remove('single'),
      [remove('b'), 1],
      [begin, 5],
      [remove('c'), 0],
      [remove('open'), 5],
      [abort, 1],
      [prepare, 0],
      [commit, 0],
    ),
  )
  assert.deepEqual(units, [
    { seq: 3, timestamp: 1003, entries: [remove('single')] },
    { seq: 10, timestamp: 1010, entries: [remove('a'), remove('c')], transactionId: 0 },
  ])
})

test('with a place to start from, only what takes effect behind it comes out, begun before or not', async () => {
  const records = recordsOf(
    [begin, 0],
    [remove('a'), 0],
    remove('b'),
    [begin, 3],
    [remove('c'), 3],
    [commit, 3],
    remove('d'),
    [commit, 0],
  )
  const placesFrom = async (after: number): Promise<number[]> =>
    (await unitsOf(records, after)).units.map(({ seq }) => seq)
  assert.deepEqual(await placesFrom(-1), [2, 5, 6, 7])
  assert.deepEqual(await placesFrom(2), [5, 6, 7])
  assert.deepEqual(await placesFrom(5), [6, 7])
  assert.deepEqual(await placesFrom(6), [7])
  assert.deepEqual(await placesFrom(7), [])
})

test('entries of a transaction whose begin was not read, and its end, have no effect', async () => {
  const { units } = await unitsOf(recordsOf([remove('a'), 77], [commit, 77], [abort, 78], remove('b')))
  assert.deepEqual(
    units.map(({ seq }) => seq),
    [3],
  )
})

test('a commit has the effect of its transaction once', async () => {
  const { units } = await unitsOf(recordsOf([begin, 0], [remove('a'), 0], [commit, 0], [commit, 0]))
  assert.equal(units.length, 1)
})

const large = (bytes: number): BatchMember => ({
  type: 'custom',
  kind: 'k',
  data: new Uint8Array(bytes - 128),
})

test('entries of open transactions are held up to 16 MiB; a transaction that goes beyond is read again at its commit', async () => {
  const held = await unitsOf(recordsOf([begin, 0], [large(16 * MIB), 0], [commit, 0]))
  assert.deepEqual([held.readAgain, held.units.length], [[], 1])
  const records = recordsOf(
    [begin, 0],
    [begin, 1],
    [remove('other'), 1],
    [large(8 * MIB), 0],
    remove('single'),
    [large(8 * MIB), 0],
    [remove('last'), 0],
    [commit, 0],
    [commit, 1],
  )
  const { units, readAgain } = await unitsOf(records)
  assert.deepEqual(readAgain, [[0, 7]])
  assert.deepEqual(
    units.map(({ seq, entries }) => [seq, entries.length]),
    [
      [4, 1],
      [7, 3],
      [8, 1],
    ],
  )
  const [first, second, third] = units[1]!.entries
  assert.ok(first === records[3]!.entry && second === records[5]!.entry && third === records[6]!.entry)
})

test('what a transaction held is free again when it ends or is no longer held', async () => {
  const half = large(9 * MIB)
  const { readAgain } = await unitsOf(
    recordsOf(
      [begin, 0],
      [half, 0],
      [commit, 0],
      [begin, 3],
      [half, 3],
      [abort, 3],
      [begin, 6],
      [half, 6],
      [begin, 8],
      [half, 8],
      [commit, 8],
      [begin, 11],
      [large(6 * MIB), 11],
      [commit, 11],
      [commit, 6],
    ),
  )
  assert.deepEqual(readAgain, [[8, 10]], 'only the one that had no room beside another')
})

test('the size of an entry is that of its vector, its id and its data, those of its members included', async () => {
  const vector = new Float32Array(2 * MIB)
  const cases: BatchMember[] = [
    { type: 'insert', id: 'a', vector },
    { type: 'update', id: 'a', vector },
    { type: 'batch', entries: [remove('x'), { type: 'insert', id: 'a', vector }] },
    { type: 'batch', entries: [large(8 * MIB)] },
    remove('x'.repeat(4 * MIB)),
    large(8 * MIB),
  ]
  for (const entry of cases) {
    const two = await unitsOf(recordsOf([begin, 0], [entry, 0], [large(8 * MIB - 1000), 0], [commit, 0]))
    assert.deepEqual(two.readAgain, [], `${entry.type} is not taken for more than it is`)
    const three = await unitsOf(
      recordsOf([begin, 0], [entry, 0], [entry, 0], [remove('one more'), 0], [commit, 0]),
    )
    assert.deepEqual(three.readAgain, [[0, 4]], `${entry.type} is not taken for less than it is`)
  }
  const none = Array.from({ length: 1000 }, (): [WalEntry, number] => [
    { type: 'update', id: 'a', metadata: null },
    0,
  ])
  assert.deepEqual((await unitsOf(recordsOf([begin, 0], ...none, [commit, 0]))).readAgain, [])
})

test('every entry is taken to have 128 bytes and those of its id, every batch 64, so that many small ones are bounded too', async () => {
  for (const [entry, size] of [
    [remove('x'), 130],
    [{ type: 'update', id: 'xy', metadata: null }, 132],
    [{ type: 'batch', entries: [] }, 64],
  ] as const) {
    const filled = large(16 * MIB - 4 * size)
    const spills = async (count: number): Promise<boolean> => {
      const lines = Array.from({ length: count }, (): Line => [entry, 0])
      return (await unitsOf(recordsOf([begin, 0], [filled, 0], ...lines, [commit, 0]))).readAgain.length > 0
    }
    assert.deepEqual([await spills(4), await spills(5)], [false, true], entry.type)
  }
})

test('only the entries of a transaction are read again, not those of others nor its markers', async () => {
  const records = recordsOf(
    [begin, 0],
    [large(17 * MIB), 0],
    remove('single'),
    [begin, 3],
    [remove('other'), 3],
    [prepare, 0],
    [commit, 0],
  )
  const { units } = await unitsOf(records)
  const { entries } = units.at(-1)!
  assert.ok(entries.length === 1 && entries[0] === records[1]!.entry)
})

test('a transaction that was open where records are lost has no effect: they may have been its own', async () => {
  const gap: WalEntry = { type: 'gap', throughSeq: 4 }
  const told: WalRecord[] = recordsOf([begin, 0], [remove('a'), 0], gap)
  const records = (seq: number): WalRecord[] =>
    recordsOf([remove('b'), 0], [commit, 0], remove('single'), [begin, 8], [remove('c'), 8], [commit, 8]).map(
      (record) => ({
        ...record,
        seq: seq + record.seq,
      }),
    )
  for (const before of [told, told.slice(0, 2)]) {
    const { units } = await unitsOf([...before, ...records(5)])
    assert.deepEqual(
      units.map(({ seq, entries }) => [seq, entries.length]),
      [
        [7, 1],
        [10, 1],
      ],
    )
  }
})

test('a gap that says what is lost, and the record behind it, are no further loss', async () => {
  const records = [
    ...recordsOf({ type: 'gap', throughSeq: 4 }),
    ...recordsOf([begin, 5], [remove('a'), 5], [commit, 5]).map((record) => ({
      ...record,
      seq: record.seq + 5,
    })),
  ]
  assert.deepEqual(
    (await unitsOf(records)).units.map(({ seq }) => seq),
    [7],
  )
})

test('a log may be read from any record on', async () => {
  const records = recordsOf([begin, 7], [remove('a'), 7], [commit, 7]).map((record) => ({
    ...record,
    seq: record.seq + 7,
  }))
  assert.deepEqual(
    (await unitsOf(records)).units.map(({ seq }) => seq),
    [9],
  )
})

test('what was held of a transaction that has no effect any more is free', async () => {
  const half = large(9 * MIB)
  const { readAgain } = await unitsOf(
    recordsOf([begin, 0], [half, 0], { type: 'gap', throughSeq: 2 }, [begin, 3], [half, 3], [commit, 3]),
  )
  assert.deepEqual(readAgain, [])
})
