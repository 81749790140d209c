import fc from 'fast-check'
import type { BatchMember, CustomEntry, DataEntry, JsonValue, WalEntry } from '../../src/mod.ts'

/** A vector of these bits. */
export const vectorOfBits = (...words: readonly number[]): Float32Array =>
  new Float32Array(Uint32Array.from(words).buffer)

/**
 * An entry with its bytes as text, so that equality is equality of bits, and its metadata as JSON
 * can hold it.
 */
export function bits(entry: WalEntry): unknown {
  if (entry.type === 'batch') return { ...entry, entries: entry.entries.map(bits) }
  if (entry.type === 'custom') return { ...entry, data: hex(entry.data) }
  if (entry.type !== 'insert' && entry.type !== 'update') return { ...entry }
  const { vector, metadata, ...rest } = entry
  const cleared = entry.type === 'insert' ? (metadata ?? null) : metadata
  return {
    ...rest,
    ...(vector && { vector: hex(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)) }),
    ...(cleared !== undefined && { metadata: JSON.stringify(cleared) }),
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Ids and kinds of any code points, metadata of any JSON, vectors of any bits. */
const id = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 })
const vector = fc.array(fc.nat(0xffff_ffff), { maxLength: 24 }).map((words) => vectorOfBits(...words))
const metadata = fc.jsonValue() as fc.Arbitrary<JsonValue>

const insertEntry = fc.record(
  { type: fc.constant('insert' as const), id, vector, metadata, replace: fc.constant(true as const) },
  { requiredKeys: ['type', 'id', 'vector'] },
)
const updateEntry = fc.record(
  { type: fc.constant('update' as const), id, vector, metadata },
  { requiredKeys: ['type', 'id'] },
)
const deleteEntry = fc.record({ type: fc.constant('delete' as const), id })

export const anyDataEntry: fc.Arbitrary<DataEntry> = fc.oneof(insertEntry, updateEntry, deleteEntry)

const customEntry: fc.Arbitrary<CustomEntry> = fc.record({
  type: fc.constant('custom' as const),
  kind: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
  data: fc.uint8Array({ maxLength: 100 }),
})

const { member } = fc.letrec<{ member: BatchMember; batch: BatchMember }>((tie) => ({
  member: fc.oneof({ maxDepth: 4 }, anyDataEntry, customEntry, tie('batch')),
  batch: fc.record({
    type: fc.constant('batch' as const),
    entries: fc.array(tie('member'), { maxLength: 6 }) as fc.Arbitrary<BatchMember[]>,
  }),
}))

/** Everything that a user may append. */
export const anyEntry: fc.Arbitrary<BatchMember> = member
