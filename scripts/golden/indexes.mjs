// Logs of an index, with snapshots and without.
import { DurableIndex, flat, Wal } from '../../dist/mod.js'
import { clean, Golden, plain, sha256 } from './golden.mjs'
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

/** What docs/format.md says of a condition, put together here on its own. */
function condition(expects, key, digest = Buffer.alloc(16)) {
  const head = Buffer.alloc(8)
  head.writeUInt16LE(1, 0)
  head.writeUInt16LE(Buffer.byteLength(key), 2)
  head.writeUInt32LE(expects.length, 4)
  const each = expects.map(([id, seq]) => {
    const bytes = Buffer.alloc(10 + Buffer.byteLength(id))
    bytes.writeBigUInt64LE(seq === null ? 2n ** 64n - 1n : BigInt(seq), 0)
    bytes.writeUInt16LE(Buffer.byteLength(id), 8)
    bytes.write(id, 10)
    return bytes
  })
  return custom('walv.condition', Buffer.concat([head, digest, Buffer.from(key), ...each]))
}

/** Of a deletion: the type of its record, and its payload. */
function digestOfDeletion(id) {
  const payload = Buffer.alloc(12 + Buffer.byteLength(id))
  payload.writeUInt32LE(Buffer.byteLength(id), 4)
  payload.write(id, 12)
  return Buffer.from(sha256(Buffer.concat([Buffer.of(3), payload])).slice(0, 32), 'hex')
}

const batch = (...entries) => ({ type: 'batch', entries })

/** Numbers, conditions and a key, in a snapshot and behind it. */
export async function versions(folders) {
  const golden = new Golden('versions', folders)
  expectIdentity(golden)
  const index = await openSaid(golden)
  for (const [at, id] of ['a', 'b', 'é'].entries()) {
    golden.now++
    golden.expect(insert(id, floats(at, 0.5, -1), { at }))
    await index.insert(id, floats(at, 0.5, -1), { at })
  }
  golden.now++
  const keyed = batch(condition([], 'löschen', digestOfDeletion('b')), remove('b'))
  golden.expect(keyed)
  await index.delete('b', { idempotencyKey: 'löschen' })
  golden.now++
  golden.expect(await index.checkpoint())
  await index.close()
  const wal = await Wal.open({ ...golden.options, segmentMaxBytes: 64 * 1024 })
  await golden.append(wal, batch(condition([['a', 1]], ''), { type: 'update', id: 'a', metadata: 'changed' }))
  await golden.append(
    wal,
    batch(
      condition(
        [
          ['zz', null],
          ['a', 1],
        ],
        '',
      ),
      remove('é'),
    ),
  )
  await golden.append(wal, keyed)
  const { segments } = wal.stats()
  await wal.close()
  golden.keep()
  const report = { ...clean(golden, segments), checkpoints: 1, snapshotSeq: 4, index: IDENTITY }
  golden.finish(report, { numbers: { a: 6, é: 3 }, voided: 2 })
}
