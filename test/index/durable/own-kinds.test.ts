import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DurableIndex, flat, openIndex, refusal, SimulatedDisk, Wal } from '../../support/kit.ts'

const index = () => flat({ dimensions: 2 })
const custom = (kind: string) => ({ type: 'custom', kind, data: Buffer.from('x') }) as const

/** A log in which an entry of this kind says something of an insert, and who has opened it. */
async function logWith(kind: string, where: 'batch' | 'transaction'): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  const wal = await Wal.open({ directory: '/log', disk })
  const insert = { type: 'insert', id: 'a', vector: [1, 2] } as const
  if (where === 'batch') await wal.appendBatch([custom(kind), insert])
  else {
    const transaction = wal.begin()
    transaction.append(insert)
    transaction.append(custom(kind))
    await transaction.commit()
  }
  await wal.close()
  return disk
}

for (const where of ['batch', 'transaction'] as const)
  test(`what walv itself wrote and this one does not know is not passed over, in a ${where}`, async (t) => {
    const disk = await logWith('walv.unheard-of', where)
    for (const way of [{}, { readOnly: true }, { follow: true }]) {
      const opening = DurableIndex.open({ directory: '/log', disk, index: index(), ...way })
      await assert.rejects(opening, refusal('WALV_UNSUPPORTED_FEATURE'))
    }
    const theirs = await logWith('walvish', where)
    assert.ok((await openIndex(t, { directory: '/log', disk: theirs, index: index() })).has('a'))
  })
