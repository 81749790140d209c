/**
 * Every limit: what has its size is kept and comes back, what is one larger is refused and not
 * logged.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bits } from '../support/entries.ts'
import {
  collect,
  type EntryInput,
  insert,
  type JsonValue,
  MAX_BATCH_ENTRIES,
  MAX_BATCH_NESTING,
  MAX_CUSTOM_KIND_BYTES,
  MAX_DIMENSIONS,
  MAX_ID_BYTES,
  MAX_METADATA_BYTES,
  MAX_METADATA_NESTING,
  MAX_RECORD_BYTES,
  openWal,
  refusal,
  temporaryDirectory,
  Wal,
} from '../support/kit.ts'

const withMetadata = (metadata: JsonValue): EntryInput => ({ type: 'update', id: 'a', metadata })

const withKind = (kind: string): EntryInput => ({ type: 'custom', kind, data: new Uint8Array(3) })

function nestedMetadata(depth: number): JsonValue {
  let value: JsonValue = 1
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { value }
  return value
}

function nestedBatch(depth: number): EntryInput {
  let entry: EntryInput = insert('inside')
  for (let level = 0; level < depth; level++) entry = { type: 'batch', entries: [entry] }
  return entry
}

/** A custom entry has 8 bytes in front of its kind. */
const recordOf = (bytes: number): EntryInput => ({
  type: 'custom',
  kind: 'k',
  data: new Uint8Array(bytes - 9).fill(0xf5),
})

const DELETE: EntryInput = { type: 'delete', id: 'a' }
const batchOf = (entries: number): EntryInput => ({ type: 'batch', entries: new Array(entries).fill(DELETE) })
/** The limit counts the entries of all batches within a batch, and those batches themselves. */
const batchesOf = (entries: number): EntryInput => ({
  type: 'batch',
  entries: [batchOf(entries - 2), DELETE],
})

const LIMITS: Record<string, readonly [(size: number) => EntryInput, number]> = {
  'bytes of an id': [(size) => insert('x'.repeat(size)), MAX_ID_BYTES],
  dimensions: [
    (size) => ({ type: 'insert', id: 'a', vector: new Float32Array(size), metadata: null }),
    MAX_DIMENSIONS,
  ],
  'bytes of metadata': [(size) => withMetadata('x'.repeat(size - 2)), MAX_METADATA_BYTES],
  'bytes of metadata in UTF-8': [
    (size) => withMetadata('é'.repeat(size / 2 - 1) + 'x'.repeat(size % 2)),
    MAX_METADATA_BYTES,
  ],
  'nesting of metadata': [(size) => withMetadata(nestedMetadata(size)), MAX_METADATA_NESTING],
  'bytes of a kind': [(size) => withKind('x'.repeat(size)), MAX_CUSTOM_KIND_BYTES],
  'bytes of a record': [recordOf, MAX_RECORD_BYTES],
  'nesting of batches': [nestedBatch, MAX_BATCH_NESTING],
  'entries of a batch': [batchOf, MAX_BATCH_ENTRIES],
  'entries of batches within a batch': [batchesOf, MAX_BATCH_ENTRIES],
}

for (const [what, [make, limit]] of Object.entries(LIMITS)) {
  test(`${what}: ${limit} are kept, one more is refused`, async (t) => {
    const directory = await temporaryDirectory(t)
    const wal = await Wal.open({ directory, durability: 'os' })
    await assert.rejects(wal.append(make(limit + 1)), refusal('WALV_LIMIT'))
    const largest = make(limit)
    assert.equal(await wal.append(largest), 0)
    await wal.close()
    const again = await openWal(t, { directory })
    const found = await collect(again.read())
    assert.equal(found.length, 1)
    assert.ok(isSame(found[0]!.entry as EntryInput, largest))
  })
}

/** A comparison that stands a million entries. */
function isSame(found: EntryInput, expected: EntryInput): boolean {
  if (found.type === 'batch' && expected.type === 'batch') {
    const { entries } = found
    return (
      entries.length === expected.entries.length &&
      expected.entries.every((entry, at) => isSame(entries[at]!, entry))
    )
  }
  if (found.type === 'custom' && expected.type === 'custom') {
    return found.kind === expected.kind && Buffer.compare(found.data, expected.data) === 0
  }
  return JSON.stringify(bits(found as never)) === JSON.stringify(bits(expected as never))
}
