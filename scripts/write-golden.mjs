// Writes the golden directories of format v2: logs as this walv writes them, and beside each what
// it must be read as, which is taken from what was appended and never from reading. Run once for a
// format version; test/golden/golden.test.ts reads them for ever. Refuses to touch a directory that
// exists. Usage, after `npm run build`: node scripts/write-golden.mjs test/golden/v2-index said
// saidInSnapshot
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { DurableIndex, flat, Wal } from '../dist/mod.js'

const START = 1_700_000_000_000
const SECTOR_BYTES = 512
/** Longer bytes are told by their hash. */
const MAX_HEX_BYTES = 256

const [target, ...chosen] = process.argv.slice(2)
if (target === undefined || chosen.length === 0)
  throw new Error(
    'Name the directory to write, and which of its logs: test/golden/v2-index said saidInSnapshot',
  )
if (existsSync(target)) throw new Error(`${target} exists. Golden directories are never written again.`)
const scratch = mkdtempSync(join(tmpdir(), 'walv-golden-'))

/**
 * A log that is being written, with what it is to be read as. Every append is given a millisecond
 * of its own.
 */
class Golden {
  now = START
  records = []
  #nextSeq = 0

  constructor(name) {
    this.directory = join(scratch, name)
    this.name = name
  }

  get options() {
    return { directory: this.directory, clock: () => this.now }
  }

  /** What the log must hold next. */
  expect(entry, transactionId) {
    this.records.push({
      seq: this.#nextSeq++,
      timestamp: this.now,
      ...(transactionId !== undefined && { transactionId }),
      entry: plain(entry),
    })
  }

  async append(wal, entry) {
    this.now++
    this.expect(entry)
    same(await wal.append(entry), this.#nextSeq - 1)
  }

  begin(wal) {
    this.now++
    const transaction = wal.begin()
    same(transaction.id, this.#nextSeq)
    this.expect({ type: 'beginTransaction' }, transaction.id)
    return transaction
  }

  add(transaction, entry) {
    this.now++
    this.expect(entry, transaction.id)
    transaction.append(entry)
  }

  async mark(transaction, type, end) {
    this.now++
    this.expect({ type }, transaction.id)
    await end.call(transaction)
  }

  /** Sets the log aside as it is at this moment, as a power cut would leave it. */
  keep(from = this.directory) {
    const folder = join(target, this.name)
    mkdirSync(folder, { recursive: true })
    cpSync(from, join(folder, 'log'), { recursive: true, filter: (path) => !/LOCK$|\.tmp$/.test(path) })
  }

  /** Changes a segment that was set aside. */
  alter(segment, change) {
    const path = join(target, this.name, 'log', segment)
    const bytes = readFileSync(path)
    change(bytes)
    writeFileSync(path, bytes)
  }

  /** `recovery`: what the report of opening must say; `salvage`: that it takes `'salvage'`. */
  finish(recovery, more = {}) {
    const expected = { recovery, records: this.records, ...more }
    writeFileSync(join(target, this.name, 'expected.json'), `${JSON.stringify(expected, null, 1)}\n`)
  }
}

function same(found, expected) {
  if (found !== expected) throw new Error(`expected sequence number ${expected}, got ${found}`)
}

/** An entry as JSON can hold it: bytes as hexadecimal, or as their length and hash. */
function plain(entry) {
  if (entry.type === 'batch') return { ...entry, entries: entry.entries.map(plain) }
  if (entry.type === 'custom') return { ...entry, data: bytesOf(entry.data) }
  if (entry.vector === undefined) return { ...entry }
  const { buffer, byteOffset, byteLength } = entry.vector
  return { ...entry, vector: bytesOf(new Uint8Array(buffer, byteOffset, byteLength)) }
}

function bytesOf(bytes) {
  if (bytes.length <= MAX_HEX_BYTES) return Buffer.from(bytes).toString('hex')
  return { bytes: bytes.length, sha256: sha256(bytes) }
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

const floats = (...values) => Float32Array.from(values)
const bits = (...words) => new Float32Array(Uint32Array.from(words).buffer)
/** Few different bytes, so that a repository holds it in little space. */
const ramp = (length) => Float32Array.from({ length }, (_, index) => index % 4)
const insert = (id, vector, metadata = null) => ({ type: 'insert', id, vector, metadata })
const remove = (id) => ({ type: 'delete', id })
const custom = (kind, data) => ({ type: 'custom', kind, data })

async function everyKind() {
  const golden = new Golden('every-kind')
  const wal = await Wal.open(golden.options)
  for (const entry of kinds()) await golden.append(wal, entry)

  const committed = golden.begin(wal)
  const aborted = golden.begin(wal)
  golden.add(committed, insert('t1', floats(1)))
  golden.add(aborted, insert('u1', floats(2)))
  golden.add(committed, { type: 'batch', entries: [remove('t1'), custom('in batch', Uint8Array.of(1))] })
  golden.add(committed, custom('in transaction', Uint8Array.of(2)))
  golden.add(aborted, { type: 'update', id: 'a', metadata: 'no' })
  await golden.mark(committed, 'commitTransaction', committed.commit)
  await golden.mark(aborted, 'abortTransaction', aborted.abort)
  const decided = golden.begin(wal)
  golden.add(decided, remove('a'))
  await golden.mark(decided, 'prepareTransaction', decided.prepare)
  await golden.mark(decided, 'commitTransaction', decided.commit)
  const inDoubt = golden.begin(wal)
  golden.add(inDoubt, insert('doubt', floats(3)))
  await golden.mark(inDoubt, 'prepareTransaction', inDoubt.prepare)
  const open = golden.begin(wal)
  golden.add(open, insert('open', floats(4)))

  const seq = wal.durableSeq
  const checkpoint = await wal.checkpoint({
    seq,
    snapshot: async (files) => {
      await files.write('state.bin', [Uint8Array.of(1, 2), Uint8Array.of(3)])
      return { any: ['info', 1] }
    },
  })
  golden.expect(checkpoint)
  await wal.close()
  golden.keep()
  golden.finish({
    ...clean(golden, 1),
    checkpoints: 1,
    snapshotSeq: seq,
    transactions: { committed: 2, aborted: 2, inDoubt: [inDoubt.id] },
  })
}

function* kinds() {
  yield insert('a', floats(1, -2.5, 1e-30), {
    'ключ "\\"': ['é', '\u{1f600}', '\u0001\u2028', 1.5, -1e300, true, null, { '': [] }],
  })
  yield insert(
    '日本語-\u{1f600}',
    bits(0x7fc00001, 0xffc12345, 0x7f800001, 0x80000000, 0x7f800000, 0xff800000, 1),
  )
  yield { ...insert('a', floats(), 'a string'), replace: true }
  yield { type: 'update', id: 'a', vector: floats(7) }
  yield { type: 'update', id: 'a', metadata: null }
  yield { type: 'update', id: 'a', vector: floats(8), metadata: [] }
  yield { type: 'update', id: 'a' }
  yield remove('a')
  yield custom(
    'käse',
    Uint8Array.from({ length: 256 }, (_, index) => index),
  )
  yield custom('nothing', new Uint8Array(0))
  yield { type: 'batch', entries: [] }
  const inner = {
    type: 'batch',
    entries: [insert('b2', floats(1, 2, 3), 0), { type: 'batch', entries: [custom('k', Uint8Array.of(9))] }],
  }
  yield { type: 'batch', entries: [remove('x'), inner, { type: 'update', id: 'b2', metadata: { deep: {} } }] }
  // Payloads of 8 191, 8 192 and 8 193 bytes: the last with a second sum; then an even and an odd
  // count of further sums.
  for (const bytes of [8191, 8192, 8193, 20_000, 70_000])
    yield custom('length', Buffer.alloc(bytes - 14, bytes & 255))
  yield insert('wide', ramp(3072), { dimensions: 3072 })
}

async function rotation() {
  const golden = new Golden('rotation')
  const wal = await Wal.open({ ...golden.options, segmentMaxBytes: 64 * 1024 })
  for (let index = 0; index < 21; index++) await golden.append(wal, insert(`id-${index}`, ramp(4096), index))
  await wal.close()
  golden.keep()
  golden.finish(clean(golden, 3))
}

/**
 * The first process is killed with a group half on disk; the second goes on in a new segment, from
 * within the first.
 */
async function reopened() {
  const golden = new Golden('reopened')
  const first = await Wal.open(golden.options)
  for (let index = 0; index < 20; index++) await golden.append(first, insert(`first-${index}`, ramp(1024)))
  const lost = ['lost-0', 'lost-1', 'lost-2'].map((id) => first.append(insert(id, ramp(200))))
  await Promise.all(lost)
  const copy = `${golden.directory}-crashed`
  cpSync(golden.directory, copy, { recursive: true, filter: (path) => !/LOCK$|\.tmp$/.test(path) })
  await first.close()
  const segment = join(copy, 'segment-0000000001.walv')
  const bytes = readFileSync(segment)
  zeroSectorBefore(bytes, 'lost-0')
  writeFileSync(segment, bytes)
  const second = await Wal.open({ ...golden.options, directory: copy })
  same(second.lastSeq, 19)
  for (let index = 0; index < 5; index++)
    await golden.append(second, insert(`second-${index}`, floats(index)))
  await second.close()
  golden.keep(copy)
  golden.finish(clean(golden, 2))
}

/** A group of three of which the second never landed: the first counts, the third does not. */
async function tornTail() {
  const golden = new Golden('torn-tail')
  const wal = await Wal.open(golden.options)
  for (let index = 0; index < 5; index++)
    await golden.append(wal, insert(`whole-${index}`, ramp(200), { index }))
  golden.now++
  golden.expect(insert('landed', ramp(200)))
  await Promise.all(['landed', 'torn', 'behind'].map((id) => wal.append(insert(id, ramp(200)))))
  golden.keep()
  await wal.close()
  let offset = 0
  golden.alter('segment-0000000001.walv', (bytes) => {
    offset = frameOf(bytes, 'torn')
    zeroSectorBefore(bytes, 'torn')
  })
  const tail = {
    kind: 'torn-tail',
    file: 'segment-0000000001.walv',
    offset,
    acknowledged: false,
    seqs: [],
    ids: [],
  }
  golden.finish({ ...clean(golden, 1), closedInOrder: false, damage: [tail] })
}

/**
 * Rot in a log that was closed in order: a copy of the header, a bit of record 3, two sectors with
 * the beginnings of records 6 and 7.
 */
async function damaged() {
  const golden = new Golden('damaged')
  const wal = await Wal.open(golden.options)
  for (let index = 0; index < 10; index++)
    await golden.append(wal, insert(`id-${index}`, ramp(200), { index }))
  await wal.close()
  golden.keep()
  const places = []
  golden.alter('segment-0000000001.walv', (bytes) => {
    bytes[SECTOR_BYTES + 60] ^= 1
    places.push(frameOf(bytes, 'id-3'), frameOf(bytes, 'id-6'))
    bytes[places[0] + 100] ^= 0x10
    zeroSectorBefore(bytes, 'id-6')
    zeroSectorBefore(bytes, 'id-7')
  })
  const whole = golden.records.length
  golden.records = golden.records.filter(({ seq }) => ![3, 6, 7].includes(seq))
  const file = 'segment-0000000001.walv'
  const header = {
    kind: 'segment-header',
    file,
    offset: SECTOR_BYTES,
    acknowledged: false,
    seqs: [],
    ids: [],
  }
  const lost = (offset, from, through, ids) => ({
    kind: 'corrupt',
    file,
    offset,
    acknowledged: true,
    seqs: [{ from, through }],
    ids,
  })
  const damage = [header, lost(places[0], 3, 3, ['id-3']), lost(places[1], 6, 7, [])]
  golden.finish({ ...clean(golden, 1), lastSeq: whole - 1, damage }, { strict: 'WALV_DAMAGED' })
}

/**
 * The damaged log, repaired: gap records in the place of the lost ones. What was put into
 * quarantine is left out.
 */
async function repaired() {
  const golden = new Golden('repaired')
  cpSync(join(target, 'damaged', 'log'), golden.directory, { recursive: true })
  const { records } = JSON.parse(readFileSync(join(target, 'damaged', 'expected.json'), 'utf8'))
  const gap = (seq, throughSeq, { timestamp }) => ({ seq, timestamp, entry: { type: 'gap', throughSeq } })
  // A gap record has the time of the record before it.
  golden.records = [...records, gap(3, 3, records[2]), gap(6, 7, records[4])]
  golden.records.sort((a, b) => a.seq - b.seq)
  golden.now = START + 100
  const wal = await Wal.open({ ...golden.options, recovery: 'repair' })
  await wal.close()
  rmSync(join(golden.directory, 'quarantine'), { recursive: true })
  golden.keep()
  golden.finish({
    ...clean(golden, 1),
    gaps: [
      { from: 3, through: 3 },
      { from: 6, through: 7 },
    ],
  })
}

/** An index with two snapshots and a log that no longer begins at 0. */
async function withSnapshot() {
  const golden = new Golden('with-snapshot')
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
async function said() {
  const golden = new Golden('said')
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
async function saidInSnapshot() {
  const golden = new Golden('said-in-snapshot')
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

const WRITERS = {
  everyKind,
  rotation,
  reopened,
  tornTail,
  damaged,
  repaired,
  withSnapshot,
  said,
  saidInSnapshot,
}

/** What opening reports of a log without anything to tell. */
const clean = ({ records }, segments) => ({
  entries: records.length,
  segments,
  lastSeq: records.at(-1).seq,
  transactions: { committed: 0, aborted: 0, inDoubt: [] },
  checkpoints: 0,
  damage: [],
  gaps: [],
  closedInOrder: true,
})

/**
 * Where the frame of an insert of `ramp(200)` begins: 52 bytes and the vector stand before its id.
 */
function frameOf(bytes, id) {
  const at = bytes.indexOf(id, 2 * SECTOR_BYTES) - 52 - 800
  if (bytes.readUInt32BE(at) !== 0xf55756fe) throw new Error(`no frame of ${id}`)
  return at
}

function zeroSectorBefore(bytes, id) {
  const start = frameOf(bytes, id)
  // The sector in which the frame's header ends, from the header on: what stands before it in that
  // sector was synced earlier.
  bytes.fill(0, start, Math.ceil((start + 1) / SECTOR_BYTES) * SECTOR_BYTES)
}

function* filesBelow(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) yield* filesBelow(join(folder, entry.name))
    else yield join(folder, entry.name)
  }
}

try {
  mkdirSync(target, { recursive: true })
  for (const name of chosen) await WRITERS[name]()
  const sums = [...filesBelow(target)].map(
    (path) => `${sha256(readFileSync(path))}  ${relative(target, path)}\n`,
  )
  const list = sums.toSorted((a, b) => (a.slice(66) < b.slice(66) ? -1 : 1)).join('')
  writeFileSync(join(target, 'SHA256SUMS'), list)
  console.log(
    `${target}: ${sums.length} files. SHA-256 of SHA256SUMS, for test/golden/golden.test.ts:\n${sha256(list)}`,
  )
} catch (error) {
  rmSync(target, { recursive: true, force: true })
  throw error
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
