// Logs of an index, with snapshots and without.
import { DurableIndex, flat } from '../../dist/mod.js'
import { clean, Golden, plain } from './golden.mjs'
import { custom, floats, insert, remove } from './values.mjs'

/** An index with two snapshots and a log that no longer begins at 0. */
export async function withSnapshot(folders) {
  const golden = new Golden('with-snapshot', folders)
  const model = new Map()
  const index = await DurableIndex.open({
    ...golden.options,
    index: flat({ dimensions: 4, metric: 'l2' }),
    segmentMaxBytes: 64 * 1024,
    segmentMaxAgeMs: 10,
    checkpointIntervalEntries: false,
  })
  const upsert = async (id, vector, metadata) => {
    golden.now++
    model.set(id, { vector, metadata })
    golden.expect({ ...insert(id, vector, metadata), replace: true })
    await index.upsert(id, vector, metadata)
  }
  const drop = async (id) => {
    golden.now++
    model.delete(id)
    golden.expect(remove(id))
    await index.delete(id)
  }
  const checkpoint = async () => {
    golden.now += 10
    golden.expect(await index.checkpoint())
  }
  for (let round = 0; round < 4; round++) {
    for (let item = 0; item < 8; item++)
      await upsert(
        `é-${round * 2 + item}`,
        floats(round, item, -item, 0.5),
        item % 3 ? { round, item } : null,
      )
    await drop(`é-${round}`)
    await checkpoint()
  }
  await upsert('behind the snapshot', floats(1, 2, 3, 4), ['tail'])
  await drop('é-5')
  const fingerprint = index.fingerprint()
  const { firstSeq, segments } = index.stats()
  const snapshotSeq = golden.records.findLast(({ entry }) => entry.type === 'checkpoint').entry.sequenceNumber
  await index.close()
  golden.keep()
  golden.records = golden.records.filter(({ seq }) => seq >= firstSeq)
  const checkpoints = golden.records.filter(({ entry }) => entry.type === 'checkpoint').length
  const items = [...model].map(([id, { vector, metadata }]) => ({
    id,
    vector: plain({ vector }).vector,
    metadata,
  }))
  golden.finish(
    { ...clean(golden, segments), checkpoints, snapshotSeq },
    { index: { kind: 'flat', dimensions: 4, metric: 'l2', fingerprint, items } },
  )
}

const IDENTITY = { dimensions: 3, metric: 'ip', elementType: 'f32', model: 'münchen-embed-1' }

/** The first record of an index, as it must be written. */
function expectIdentity(golden) {
  golden.expect(custom('walv.index', Buffer.from(JSON.stringify(IDENTITY))))
}

const openSaid = (golden, options = {}) =>
  DurableIndex.open({
    ...golden.options,
    ...options,
    index: flat({ dimensions: 3, metric: 'ip' }),
    model: IDENTITY.model,
    checkpointIntervalEntries: false,
  })

/** A log that says what its vectors are, without a snapshot. */
export async function said(folders) {
  const golden = new Golden('said', folders)
  expectIdentity(golden)
  const index = await openSaid(golden)
  for (let item = 0; item < 3; item++) {
    golden.now++
    golden.expect(insert(`id-${item}`, floats(item, 0.5, -1), { item }))
    await index.insert(`id-${item}`, floats(item, 0.5, -1), { item })
  }
  await index.close()
  golden.keep()
  golden.finish({ ...clean(golden, 1), index: IDENTITY })
}

/** A log whose beginning is let go of: its snapshots say what its vectors are. */
export async function saidInSnapshot(folders) {
  const golden = new Golden('said-in-snapshot', folders)
  expectIdentity(golden)
  const index = await openSaid(golden, { segmentMaxBytes: 64 * 1024, segmentMaxAgeMs: 10 })
  for (let round = 0; round < 4; round++) {
    golden.now++
    golden.expect(insert(`id-${round}`, floats(round, 0.5, -1)))
    await index.insert(`id-${round}`, floats(round, 0.5, -1))
    golden.now += 10
    golden.expect(await index.checkpoint())
  }
  const { firstSeq, segments } = index.stats()
  if (firstSeq === 0) throw new Error('the log still has its beginning')
  const snapshotSeq = golden.records.findLast(({ entry }) => entry.type === 'checkpoint').entry.sequenceNumber
  await index.close()
  golden.keep()
  golden.records = golden.records.filter(({ seq }) => seq >= firstSeq)
  const checkpoints = golden.records.filter(({ entry }) => entry.type === 'checkpoint').length
  golden.finish({ ...clean(golden, segments), checkpoints, snapshotSeq, index: IDENTITY })
}
