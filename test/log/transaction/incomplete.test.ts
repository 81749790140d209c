import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  alter,
  collect,
  DurableIndex,
  flat,
  insert,
  openWal,
  type RecoveryPolicy,
  segmentsIn,
  temporaryDirectory,
  Wal,
  type WalOptions,
} from '../../support/kit.ts'
import { flipRecordOf } from '../../support/sick-logs.ts'

const unitsOf = async (wal: Wal): Promise<string[][]> =>
  (await collect(wal.replay())).map(({ entries }) =>
    entries.map((entry) => ('id' in entry ? entry.id : entry.type)),
  )

/**
 * The units of a damaged log and its incomplete transactions, salvaged; and repaired, which must be
 * the same, also when it is opened once more.
 */
async function leftOf(
  directory: string,
  options: Partial<WalOptions> = {},
): Promise<{ units: string[][]; incomplete: readonly number[] }> {
  const look = async (recovery: RecoveryPolicy, readOnly: boolean) => {
    await using wal = await Wal.open({ directory, recovery, readOnly, ...options })
    return { units: await unitsOf(wal), incomplete: wal.recovery.incompleteTransactions }
  }
  const salvaged = await look('salvage', true)
  await look('repair', false)
  assert.deepEqual(await look('strict', false), salvaged)
  return salvaged
}

test('a transaction of which one record is lost has no effect at all, and is named', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await DurableIndex.open({ directory, index: flat({ dimensions: 3 }) })
  await index.transaction((transaction) => {
    transaction.insert('debit', [1, 2, 3])
    transaction.insert('credit', [4, 5, 6])
  })
  await index.insert('other', [7, 8, 9])
  await index.close()
  await flipRecordOf('debit')(directory)
  assert.deepEqual(await leftOf(directory), { units: [['custom'], ['other']], incomplete: [1] })
  await using repaired = await DurableIndex.open({ directory, index: flat({ dimensions: 3 }) })
  assert.deepEqual([...repaired.ids()], ['other'])
})

test('so has one that was only open there: nobody can tell whose record it was', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  const [first, aborted] = [wal.begin(), wal.begin()]
  first.append(insert('first'))
  await wal.append(insert('lost'))
  await first.commit()
  await aborted.abort()
  const second = wal.begin()
  second.append(insert('second'))
  await second.commit()
  await wal.close()
  await flipRecordOf('lost')(directory)
  assert.deepEqual(await leftOf(directory), { units: [['second']], incomplete: [first.id] })
})

for (const [name, at] of [
  ['begin', 0],
  ['commit', 3],
] as const) {
  test(`a transaction whose ${name} is lost has no effect`, async (t) => {
    const directory = await temporaryDirectory(t)
    const wal = await openWal(t, { directory })
    await wal.append(insert('before'))
    const transaction = wal.begin()
    transaction.append(insert('a'))
    transaction.append(insert('b'))
    await transaction.commit()
    await wal.append(insert('after'))
    await wal.close()
    const [path] = await segmentsIn(directory)
    // Records of 3 dimensions and short ids: the first has 72 or 80 bytes, a marker 48.
    await alter(path!, (content) => void content.writeUInt8(0xff, offsetOf(content, at)))
    const { units, incomplete } = await leftOf(directory)
    assert.deepEqual(units, [['before'], ['after']])
    assert.deepEqual(incomplete, name === 'begin' ? [transaction.id] : [])
  })
}

/**
 * Where the marker's frame has its transaction id. Frames begin with their magic; the first record
 * stands before the transaction.
 */
function offsetOf(content: Buffer, member: number): number {
  let at = 1024 - 8
  for (let frame = 0; frame <= member + 1; frame++)
    at = content.indexOf(Buffer.from([0xf5, 0x57, 0x56, 0xfe]), at + 8)
  return at + 40
}

test('a prepared transaction that was open where a record is lost is not in doubt: it cannot be committed', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  const transaction = wal.begin()
  transaction.append(insert('a'))
  await wal.append(insert('lost'))
  await transaction.prepare()
  await wal.close()
  await flipRecordOf('lost')(directory)
  assert.deepEqual(await leftOf(directory), { units: [], incomplete: [transaction.id] })
  await using again = await Wal.open({ directory })
  assert.deepEqual(again.inDoubt, [])
})

test('of several damaged records in a row, every id that can be read is named', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  for (const id of ['a', 'lost-1', 'lost-2', 'b']) await wal.append(insert(id))
  await wal.close()
  for (const id of ['lost-1', 'lost-2']) await flipRecordOf(id)(directory)
  const reader = await openWal(t, { directory, recovery: 'salvage', readOnly: true })
  assert.deepEqual(
    reader.recovery.damage.map(({ ids }) => ids),
    [['lost-1', 'lost-2']],
  )
})
