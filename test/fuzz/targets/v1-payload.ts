import assert from 'node:assert/strict'
import { decodeV1Entry } from '../../../src/v1/format/decode.ts'
import { encodeV1Entry } from '../../../src/v1/format/encode.ts'
import { MAX_V1_BATCH_NESTING, type V1Entry } from '../../../src/v1/format/entry.ts'
import { bits, fixtureNames, loadFixture } from '../../v1/helpers.ts'
import { MAX_INPUT_BYTES, mutateBytes } from '../mutate-bytes.ts'
import { type Target, Words } from '../target.ts'

const DEPTHS = [1, MAX_V1_BATCH_NESTING - 1, MAX_V1_BATCH_NESTING, MAX_V1_BATCH_NESTING + 1, 20_000]

/** The entry as the only one of a batch, that as the only one of another, and so on. */
const inBatches = (payload: Uint8Array, depth: number): Uint8Array =>
  Buffer.concat([Buffer.alloc(2 * depth, '0301', 'hex'), payload, Buffer.alloc(depth)]).subarray(
    0,
    MAX_INPUT_BYTES,
  )

const nestingOf = (entry: V1Entry): number =>
  entry.type === 'batch' ? 1 + Math.max(0, ...entry.entries.map(nestingOf)) : 0

/** The payload of a v1 frame. Nothing in it is summed. */
export const v1Payload: Target = {
  name: 'v1-payload',
  seeds: async () =>
    fixtureNames.flatMap((name) => loadFixture(name).entries.map(({ entry }) => encodeV1Entry(entry))),
  mutate: (random, input, other) =>
    random.chance(0.05) ? inBatches(input, random.pick(DEPTHS)) : mutateBytes(random, input, other),
  async run(input) {
    const words = new Words()
    const decoded = decodeV1Entry(input)
    if (!decoded.ok) {
      const { reason, at, ids } = decoded.failure
      assert.ok(at >= 0 && at <= input.length, `it fails at ${at} of ${input.length} bytes`)
      words.add(reason, ids.length > 0)
      return words
    }
    const { entry, trailingBytes } = decoded
    assert.ok(nestingOf(entry) <= MAX_V1_BATCH_NESTING, `${nestingOf(entry)} levels came through`)
    assert.ok(trailingBytes >= 0 && trailingBytes < input.length)
    const payload = encodeV1Entry(entry)
    assert.ok(
      payload.length <= input.length - trailingBytes,
      'the shortest form is no longer than what was read',
    )
    const again = decodeV1Entry(payload)
    assert.ok(again.ok && again.trailingBytes === 0)
    assert.deepEqual(bits(again.entry), bits(entry))
    assert.deepEqual(encodeV1Entry(again.entry), payload)
    words.add(entry.type, 'metadata' in entry && entry.metadata !== null, trailingBytes > 0)
    return words
  },
}
