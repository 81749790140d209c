import assert from 'node:assert/strict'
import { test } from 'node:test'
import { convertToV2 } from '../../../src/v1/convert/to-v2.ts'
import {
  alterOn,
  framesOn,
  namesOn,
  openOn,
  refusal,
  SimulatedDisk,
  type Wal,
  type WalError,
  type WalRecord,
} from '../../support/kit.ts'
import { BACK, payloadsOf, recordsIn, toV1, V2 } from './converted.ts'

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
