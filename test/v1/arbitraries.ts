import fc from 'fast-check'
import { MAX_V1_INTEGER, type V1Entry } from '../../src/v1/format/entry.ts'

/** Integers around the places where their encoding changes, and any others. */
export const u64: fc.Arbitrary<bigint> = fc.oneof(
  fc.constantFrom(
    0n,
    250n,
    251n,
    65_535n,
    65_536n,
    2n ** 32n - 1n,
    2n ** 32n,
    2n ** 53n + 1n,
    MAX_V1_INTEGER,
  ),
  fc.bigInt({ min: 0n, max: MAX_V1_INTEGER }),
)

const text = fc.string({ unit: 'binary', maxLength: 300 })

/** Any bits at all, quiet and signalling NaNs included. */
const vector = fc.uint8Array({ maxLength: 1200 }).map((bytes) => {
  const whole = bytes.slice(0, bytes.length - (bytes.length % 4))
  return new Float32Array(whole.buffer)
})

const metadata = fc.option(fc.array(fc.tuple(text, text), { maxLength: 5 }).map((pairs) => new Map(pairs)))

const single: fc.Arbitrary<V1Entry> = fc.oneof(
  fc.record({
    type: fc.constantFrom('insert' as const, 'update' as const),
    id: text,
    vector,
    metadata,
    timestamp: u64,
  }),
  fc.record({ type: fc.constant('delete' as const), id: text, timestamp: u64 }),
  fc.record({ type: fc.constant('checkpoint' as const), sequenceNumber: u64, timestamp: u64 }),
  fc.record({
    type: fc.constantFrom(
      'beginTransaction' as const,
      'commitTransaction' as const,
      'abortTransaction' as const,
    ),
    transactionId: u64,
    timestamp: u64,
  }),
)

export const entries: fc.Arbitrary<V1Entry> = fc.letrec<{ entry: V1Entry }>((tie) => ({
  entry: fc.oneof(
    { maxDepth: 4 },
    { weight: 4, arbitrary: single },
    {
      weight: 1,
      arbitrary: fc.record({
        type: fc.constant('batch' as const),
        entries: fc.array(tie('entry'), { maxLength: 4 }),
        timestamp: u64,
      }),
    },
  ),
})).entry
