/**
 * Logs that released versions wrote are read for ever. The directories were written once, by
 * scripts/write-golden.mjs; what they must be read as was taken from what was appended, not from
 * reading.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SetFingerprint } from '../../src/index/durable/fingerprint.ts'
import {
  type CursorStatus,
  collect,
  DurableIndex,
  flat,
  type Metric,
  openIndex,
  openWal,
  type RecoveryReport,
  refusal,
  temporaryDirectory,
  Wal,
  type WalEntry,
  type WalErrorCode,
} from '../support/kit.ts'

const GOLDEN: string = fileURLToPath(new URL('../../../test/golden/', import.meta.url))
/**
 * Golden directories are never written again: whoever changes this changes what walv once wrote.
 */
const SHA256_OF_SUMS: Readonly<Record<string, string>> = {
  v2: '7aeb8af6db4fdd5675b6466acdbb34cb45606c3fbe75e4803f9162429329be39',
  'v2-index': '7924472405d120923002db976d9a03b6c0e29058479f8c82af545f3832bbace5',
  'v2-catalog': '71c0b5358b27e3d832c946573f28b8631327157327e3b1bd60f2a7484a34d627',
  'v2-shared': '6f10afb3051ebd46389645c6c6a4147d0e2ca669fd6073d47a383a5f9f3aa5d7',
  'v2-versions': '03338109bd7e937309aff0f00c3555f7fa65f8f5d8079706440e740ad3bd78fe',
}
const MAX_HEX_BYTES = 256

interface Expected {
  /** What the report of opening must say; of each damage, what is named here. */
  readonly recovery: Partial<RecoveryReport>
  readonly records: readonly unknown[]
  /** Of each id the number of its last change; and how many changes have no effect. */
  readonly numbers?: Readonly<Record<string, number>>
  readonly voided?: number
  /** The code with which a strict open refuses; none if it opens. */
  readonly strict?: WalErrorCode
  /** Cursors of readers, and where they stand. */
  readonly cursors?: readonly Partial<CursorStatus>[]
  readonly index?: {
    readonly kind: string
    readonly dimensions: number
    readonly metric: Metric
    readonly fingerprint: string
    readonly items: readonly { readonly id: string; readonly vector: string; readonly metadata: unknown }[]
  }
}

const names: string[] = Object.keys(SHA256_OF_SUMS).flatMap((folder) =>
  readdirSync(join(GOLDEN, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `${folder}/${name}`),
)

const logOf = (name: string): string => join(GOLDEN, name, 'log')
const expectedOf = (name: string): Expected =>
  JSON.parse(readFileSync(join(GOLDEN, name, 'expected.json'), 'utf8'))
const recoveryFor = ({ strict }: Expected): 'strict' | 'salvage' => (strict ? 'salvage' : 'strict')
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

function sumsBelow(folder: string, root: string = folder): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return sumsBelow(path, root)
    return `${sha256(readFileSync(path))}  ${relative(root, path).replaceAll(sep, '/')}`
  })
}

async function copyOf(t: TestContext, name: string): Promise<string> {
  const directory = join(await temporaryDirectory(t), 'log')
  cpSync(logOf(name), directory, { recursive: true })
  return directory
}

/** An entry as expected.json has it: bytes as hexadecimal, or as their length and hash. */
function plain(entry: WalEntry): unknown {
  if (entry.type === 'batch') return { ...entry, entries: entry.entries.map(plain) }
  if (entry.type === 'custom') return { ...entry, data: plainBytes(entry.data) }
  if (!('vector' in entry) || entry.vector === undefined) return { ...entry }
  const { buffer, byteOffset, byteLength } = entry.vector
  return { ...entry, vector: plainBytes(new Uint8Array(buffer, byteOffset, byteLength)) }
}

function plainBytes(bytes: Uint8Array): unknown {
  if (bytes.length <= MAX_HEX_BYTES) return Buffer.from(bytes).toString('hex')
  return { bytes: bytes.length, sha256: sha256(bytes) }
}

const recordsOf = async (wal: Wal): Promise<unknown[]> =>
  (await collect(wal.read())).map((record) => ({ ...record, entry: plain(record.entry) }))

/** The parts of a report that are expected. */
function factsOf(report: RecoveryReport, expected: Partial<RecoveryReport>): unknown {
  const damage = report.damage.map(({ kind, file, offset, acknowledged, seqs, ids }) => ({
    kind,
    file,
    offset,
    acknowledged,
    seqs,
    ids,
  }))
  const known = { ...report, damage } as Record<string, unknown>
  return Object.fromEntries(Object.keys(expected).map((key) => [key, known[key]]))
}

for (const [folder, sum] of Object.entries(SHA256_OF_SUMS)) {
  test(`every golden file of ${folder} is byte for byte as it was first written, and none is missing or new`, () => {
    const list = readFileSync(join(GOLDEN, folder, 'SHA256SUMS'))
    const found = sumsBelow(join(GOLDEN, folder)).filter((line) => !line.endsWith('  SHA256SUMS'))
    assert.deepEqual(found.toSorted(), list.toString().trimEnd().split('\n').toSorted())
    assert.equal(sha256(list), sum)
  })
}

for (const name of names) {
  const expected = expectedOf(name)

  test(`${name}: read-only, every record is there bit for bit, and not one byte is written`, async (t) => {
    const directory = await copyOf(t, name)
    const before = sumsBelow(directory)
    const wal = await openWal(t, { directory, readOnly: true, recovery: recoveryFor(expected) })
    assert.deepEqual(await recordsOf(wal), expected.records)
    assert.deepEqual(factsOf(wal.recovery, expected.recovery), expected.recovery)
    await wal.close()
    assert.deepEqual(sumsBelow(directory), before)
  })

  test(`${name}: opened for writing, it goes on, and the next open finds the old records and the new one`, async (t) => {
    const directory = await copyOf(t, name)
    const recovery = recoveryFor(expected)
    const wal = await openWal(t, { directory, recovery })
    assert.deepEqual(factsOf(wal.recovery, expected.recovery), expected.recovery)
    const seq = await wal.append({ type: 'delete', id: 'new' })
    await wal.close()
    const again = await openWal(t, { directory, recovery })
    const records = await recordsOf(again)
    assert.deepEqual(records.slice(0, expected.records.length), expected.records)
    const { timestamp, ...last } = records.at(-1) as { timestamp: number }
    assert.deepEqual(last, { seq, entry: { type: 'delete', id: 'new' } })
  })
}

for (const name of names.filter((name) => expectedOf(name).recovery.index)) {
  const { dimensions, metric, model } = expectedOf(name).recovery.index!

  test(`${name}: an index of other dimensions, another metric or model is refused`, async (t) => {
    const directory = await copyOf(t, name)
    const others = [
      { index: flat({ dimensions: dimensions + 1, metric }) },
      { index: flat({ dimensions, metric: 'cosine' }) },
      { index: flat({ dimensions, metric }), model: `${model}?` },
    ]
    for (const other of others)
      await assert.rejects(DurableIndex.open({ directory, ...other }), refusal('WALV_INDEX_MISMATCH'))
    const index = await openIndex(t, { directory, index: flat({ dimensions, metric }) })
    assert.ok(index.size > 0)
    assert.equal(index.model, model)
  })
}

for (const name of names.filter((name) => expectedOf(name).cursors)) {
  test(`${name}: its cursors stand where they were, and go on from there`, async (t) => {
    const wal = await openWal(t, { directory: await copyOf(t, name) })
    const expected = expectedOf(name).cursors!
    const found = await wal.cursors()
    assert.deepEqual(
      found.map(({ position, maxHeldBytes, ...more }) => ({ name: more.name, position, maxHeldBytes })),
      expected,
    )
    for (const { name: cursorName, position } of expected) {
      const { value } = await wal.tail({ cursor: await wal.cursor(cursorName!) }).next()
      assert.equal(value!.seq, position! + 1)
    }
  })
}

for (const name of names.filter((name) => expectedOf(name).numbers)) {
  const { numbers, voided, recovery } = expectedOf(name)

  test(`${name}: numbers, conditions and keys are what they were`, async (t) => {
    const directory = await copyOf(t, name)
    const { dimensions, metric } = recovery.index!
    const index = await openIndex(t, { directory, index: flat({ dimensions, metric }) })
    const found = [...index.entries()].map(([id, { seq }]) => [id, seq])
    assert.deepEqual(Object.fromEntries(found), numbers)
    assert.equal(index.recovery.voided, voided)
    assert.equal(await index.delete('b', { idempotencyKey: 'löschen' }), true)
    assert.equal(index.stats().lastSeq, recovery.lastSeq)
  })
}

test('where numbers were not kept, ids have that of the snapshot', async (t) => {
  const directory = await copyOf(t, 'v2-catalog/said-in-snapshot')
  const { snapshotSeq, index: identity } = expectedOf('v2-catalog/said-in-snapshot').recovery
  const { dimensions, metric } = identity!
  const index = await openIndex(t, { directory, index: flat({ dimensions, metric }) })
  assert.deepEqual(new Set([...index.entries()].map(([, { seq }]) => seq)), new Set([snapshotSeq]))
})

for (const name of names.filter((name) => expectedOf(name).strict)) {
  const expected = expectedOf(name)

  test(`${name}: a strict open refuses it and names the same damage`, async (t) => {
    const directory = await copyOf(t, name)
    const before = sumsBelow(directory)
    const refused = await Wal.open({ directory }).catch((error) => error)
    refusal(expected.strict!)(refused)
    assert.deepEqual(factsOf({ damage: refused.detail } as RecoveryReport, { damage: [] }), {
      damage: expected.recovery.damage,
    })
    assert.deepEqual(
      sumsBelow(directory).filter((line) => !line.endsWith('  LOCK')),
      before,
    )
  })
}

/** By the definition of when the directory was written, of what the index says that it has. */
function fingerprintOf(index: DurableIndex, name: string): string {
  if (name.startsWith('v2-catalog/')) return index.fingerprint()
  const fingerprint = new SetFingerprint(1)
  for (const [id, { vector, metadata }] of index.entries())
    fingerprint.add({ id, vector, metadata: metadata === null ? null : JSON.stringify(metadata) })
  return fingerprint.value
}

for (const name of names.filter((name) => expectedOf(name).index)) {
  const { kind, dimensions, metric, fingerprint, items } = expectedOf(name).index!

  test(`${name}: the index has every id, vector and metadata, and the fingerprint proves it`, async (t) => {
    const directory = await copyOf(t, name)
    const index = await openIndex(t, { directory, index: flat({ dimensions, metric }) })
    assert.equal(kind, 'flat')
    assert.equal(fingerprintOf(index, name), fingerprint)
    const found = [...index.ids()].map((id) => {
      const { vector, metadata } = index.get(id)!
      return {
        id,
        vector: plainBytes(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)),
        metadata,
      }
    })
    const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1)
    assert.deepEqual(found.toSorted(byId), items.toSorted(byId))
    assert.ok(
      index.recovery.fromSnapshot > 0 && index.recovery.replayed > 0,
      'snapshot and tail are both used',
    )
  })

  test(`${name}: without its newest snapshot, the one before leads to the same index`, async (t) => {
    const directory = await copyOf(t, name)
    const [, newest] = readdirSync(join(directory, 'snapshots')).toSorted()
    const snapshot = join(directory, 'snapshots', newest!)
    const catalog = readdirSync(snapshot).find((file) => file.startsWith('catalog.'))!
    cpSync(join(snapshot, 'vectors.walvflat'), join(snapshot, catalog))
    await using index = await DurableIndex.open({ directory, index: flat({ dimensions, metric }) })
    assert.equal(fingerprintOf(index, name), fingerprint)
    assert.deepEqual(
      index.recovery.damage.map(({ kind, file }) => `${kind} ${file}`),
      [`snapshot snapshots/${newest}`],
    )
  })
}
