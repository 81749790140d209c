// A log that two processes wrote together, and the cursor of a reader.
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { DurableIndex, flat } from '../../dist/mod.js'
import { clean, Golden } from './golden.mjs'
import { custom, floats, insert, remove } from './values.mjs'

const IDENTITY = { dimensions: 2, metric: 'l2', elementType: 'f32', model: 'two-processes' }

/** Who a process is, as the random bytes that it drew last say. */
const drawn = []
function watchRandomBytes() {
  const { randomBytes } = crypto
  crypto.randomBytes = (count) => {
    const bytes = randomBytes(count)
    if (count === 16) drawn.push(bytes.toString('hex'))
    return bytes
  }
  syncBuiltinESMExports()
}

/** Records say who handed them over; a cursor stands before a transaction's end. */
export async function origins(folders) {
  watchRandomBytes()
  const golden = new Golden('origins', folders)
  const open = async () => {
    const index = await DurableIndex.open({
      ...golden.options,
      index: flat({ dimensions: 2, metric: 'l2' }),
      model: IDENTITY.model,
      checkpointIntervalEntries: false,
      share: true,
    })
    return { index, process: drawn.at(-1), number: 0 }
  }
  const expect = (by, entry, transactionId) => {
    golden.expect(entry, transactionId)
    if (by) golden.records.at(-1).origin = { process: by.process, number: ++by.number }
  }
  const leader = await open()
  expect(leader, custom('walv.index', Buffer.from(JSON.stringify(IDENTITY))))
  const member = await open()
  const upsert = async (by, id, metadata) => {
    golden.now++
    expect(by, { ...insert(id, floats(1, by.number), metadata), replace: true })
    await by.index.upsert(id, floats(1, by.number - 1), metadata)
  }
  for (let round = 0; round < 3; round++) {
    await upsert(leader, `leader-${round}`, { round })
    await upsert(member, `member-${round}`, null)
  }
  const cursor = await member.index.cursor('consumer', { from: 'begin', maxHeldBytes: 1024 ** 2 })
  const changes = member.index.changes({ cursor })
  for (let count = 0; count < 4; count++) await changes.next()
  await cursor.commit()
  golden.cursor = { name: 'consumer', position: cursor.position, maxHeldBytes: 1024 ** 2 }
  await changes.return()
  golden.now++
  const id = golden.records.length
  golden.expect({ type: 'beginTransaction' }, id)
  golden.expect({ ...insert('both-1', floats(2, 2)), replace: true }, id)
  golden.expect(remove('leader-0'), id)
  expect(member, { type: 'commitTransaction' }, id)
  await member.index.transaction(async (transaction) => {
    await transaction.upsert('both-1', floats(2, 2))
    await transaction.delete('leader-0')
  })
  await member.index.close()
  await leader.index.close()
  golden.keep()
  golden.finish(
    {
      ...clean(golden, 1),
      transactions: { committed: 1, aborted: 0, inDoubt: [] },
      index: IDENTITY,
    },
    { cursors: [golden.cursor] },
  )
}
