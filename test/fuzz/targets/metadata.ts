import assert from 'node:assert/strict'
import type { JsonValue } from '../../../src/entry.ts'
import { decodeMetadata, encodeMetadata } from '../../../src/format/metadata.ts'
import { MAX_METADATA_NESTING } from '../../../src/limits.ts'
import { bufferOf, mutateBytes } from '../mutate-bytes.ts'
import { orCode, type Target, Words } from '../target.ts'

const nested = (depth: number): string => `${'[{"":'.repeat(depth / 2)}0${'}]'.repeat(depth / 2)}`

const TEXTS: readonly string[] = [
  'null',
  '"text \\u0000 \\ud83d\\ude00 \\"quoted\\" é🎉"',
  '{"__proto__":{"a":1},"constructor":[true,false,null],"":{"":""},"a":1,"a":2}',
  '[0,-0,1e21,1e-7,5e-324,1.7976931348623157e308,0.1,123456789012345680000]',
  '["\\ud800","\\udfff\\ud800"]',
  nested(MAX_METADATA_NESTING),
  nested(2 * MAX_METADATA_NESTING),
  ' [ 1 ,\n{ "k" : [ ] } ] ',
]

/** The JSON text of an entry's metadata. */
export const metadata: Target = {
  name: 'metadata',
  seeds: async () => TEXTS.map((text) => Buffer.from(text)),
  mutate: mutateBytes,
  async run(input) {
    const words = new Words()
    const value = decodeMetadata(bufferOf(input))
    if (value === undefined) return words
    const depth = depthOf(value)
    assert.ok(depth <= MAX_METADATA_NESTING, `${depth} levels came through`)
    const bytes = await orCode(['WALV_INVALID_METADATA'], async () => encodeMetadata(value, 'id'))
    words.add(typeof value, Array.isArray(value), typeof bytes, depth)
    if (typeof bytes === 'string') return words
    const again = decodeMetadata(bytes)
    assert.deepEqual(JSON.stringify(again), JSON.stringify(value))
    assert.deepEqual(encodeMetadata(again!, 'id'), bytes)
    return words
  },
}

/** Level by level, and not by recursion: it must not be what fails. */
function depthOf(value: JsonValue): number {
  let depth = 0
  let level: unknown[] = [value]
  for (; level.length > 0; depth++)
    level = level.flatMap((each) => (isObject(each) ? Object.values(each) : []))
  return depth - 1
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
