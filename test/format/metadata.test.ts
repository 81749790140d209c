import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeMetadata, encodeMetadata } from '../../src/format/metadata.ts'
import { type JsonValue, MAX_METADATA_BYTES, MAX_METADATA_NESTING } from '../support/kit.ts'
import { assertRefused } from './refusal.ts'

const encode = (value: unknown): string => encodeMetadata(value as JsonValue, 'x').toString('utf8')

test('metadata is its JSON text, and comes back', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const bytes = encodeMetadata(value as JsonValue, 'x')
      assert.equal(bytes.toString('utf8'), JSON.stringify(value))
      assert.deepEqual(decodeMetadata(bytes), JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('what JSON can hold is accepted, in every kind of plain object', () => {
  const accepted: [unknown, string][] = [
    [null, 'null'],
    [false, 'false'],
    [-0, '0'],
    ['', '""'],
    ['😀', '"😀"'],
    [[], '[]'],
    [[1, [null]], '[1,[null]]'],
    [{ a: undefined, b: 1 }, '{"b":1}'],
    [Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
    [{ toJSON: 'no function' }, '{"toJSON":"no function"}'],
    [{ '😀': 1 }, '{"😀":1}'],
  ]
  for (const [value, text] of accepted) assert.equal(encode(value), text)
})

test('an object of another realm is as plain as one of this', async () => {
  const { runInNewContext } = await import('node:vm')
  assert.equal(encode(runInNewContext('({ a: { b: [1] } })')), '{"a":{"b":[1]}}')
})

class Point {
  readonly x = 1
}

const refused: [string, unknown, string][] = [
  ['undefined', undefined, 'metadata of entry "x" is a undefined, which JSON cannot hold'],
  ['a function', { f: () => 1 }, 'metadata.f of entry "x" is a function, which JSON cannot hold'],
  ['a symbol', [1, Symbol('s')], 'metadata.1 of entry "x" is a symbol, which JSON cannot hold'],
  ['a bigint', { n: [{ m: 1n }] }, 'metadata.n.0.m of entry "x" is a bigint, which JSON cannot hold'],
  ['undefined in an array', [undefined], 'metadata.0 of entry "x" is a undefined, which JSON cannot hold'],
  ['NaN', { n: Number.NaN }, 'metadata.n of entry "x" is NaN, which JSON cannot hold'],
  ['infinity', Number.NEGATIVE_INFINITY, 'metadata of entry "x" is -Infinity, which JSON cannot hold'],
  ['half a surrogate pair', ['\ud800'], 'metadata.0 of entry "x" is a string with half a surrogate pair'],
  [
    'half a surrogate pair in a key',
    { a: { '\udc00': 1 } },
    'metadata.a.\udc00 of entry "x" has a key with half a surrogate pair',
  ],
  ['a class', { p: new Point() }, 'metadata.p of entry "x" is a Point, not a plain object; convert it first'],
  ['a date', new Date(0), 'metadata of entry "x" is a Date, not a plain object; convert it first'],
  ['a map', { m: new Map() }, 'metadata.m of entry "x" is a Map, not a plain object; convert it first'],
  [
    'something without a constructor',
    Object.create(Object.create(Object.create(null))),
    'metadata of entry "x" is a class instance, not a plain object; convert it first',
  ],
  [
    'a toJSON method',
    { a: [{ toJSON: () => 1 }] },
    'metadata.a.0 of entry "x" has a toJSON method; convert it first',
  ],
]

for (const [name, value, message] of refused) {
  test(`what JSON cannot hold is refused, with the place where it is: ${name}`, () => {
    assertRefused(() => encode(value), {
      code: 'WALV_INVALID_METADATA',
      message: `${message}. Nothing was logged.`,
      id: 'x',
    })
  })
}

function nested(depth: number, innermost: unknown = 0): unknown {
  let value = innermost
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value }
  return value
}

test('metadata nests as deep as the limit and no deeper, both ways', () => {
  const deepest = nested(MAX_METADATA_NESTING)
  const text = JSON.stringify(deepest)
  assert.equal(encode(deepest), text)
  assert.deepEqual(decodeMetadata(Buffer.from(text)), deepest)
  const refusal = {
    code: 'WALV_LIMIT',
    message: 'The metadata of entry "x" is nested deeper than 100 (a cycle?). Nothing was logged.',
    id: 'x',
  } as const
  assertRefused(() => encode(nested(MAX_METADATA_NESTING + 1)), refusal)
  assertRefused(() => encode(nested(MAX_METADATA_NESTING, [])), refusal)
  const cycle: unknown[] = []
  cycle.push(cycle)
  assertRefused(() => encode(cycle), refusal)
  assert.equal(decodeMetadata(Buffer.from(`[${text}]`)), undefined)
  assert.equal(decodeMetadata(Buffer.from(`{"a":${text}}`)), undefined)
})

test('brackets count only outside of strings, and closed ones no more', () => {
  const wide = [[[]], ...Array.from({ length: 300 }, (_, index) => (index % 2 === 0 ? [{}] : { a: [] }))]
  assert.deepEqual(decodeMetadata(Buffer.from(JSON.stringify(wide))), wide)
  const texts = [
    '['.repeat(300),
    '{"'.repeat(300),
    `\\"${'['.repeat(300)}`,
    `\\\\${'['.repeat(300)}`,
    '\\'.repeat(301),
  ]
  for (const text of texts) {
    assert.deepEqual(decodeMetadata(Buffer.from(JSON.stringify([text, 1]))), [text, 1])
    const behind = `[${JSON.stringify(text)},${'['.repeat(MAX_METADATA_NESTING)}${']'.repeat(MAX_METADATA_NESTING)}]`
    assert.doesNotThrow(() => JSON.parse(behind))
    assert.equal(decodeMetadata(Buffer.from(behind)), undefined, text.slice(0, 5))
  }
})

test('metadata may have as many bytes as the limit and not one more', () => {
  const longest = 'x'.repeat(MAX_METADATA_BYTES - 2)
  assert.equal(encodeMetadata(longest, 'x').length, MAX_METADATA_BYTES)
  assertRefused(() => encodeMetadata(`${longest}x`, 'x'), {
    code: 'WALV_LIMIT',
    message:
      'The metadata of entry "x" has 16777217 bytes; at most 16777216 are allowed. Nothing was logged.',
    id: 'x',
  })
})

test('bytes that are no JSON are no metadata', () => {
  for (const text of ['', 'nul', '{', '[1', `[${'1,'.repeat(300)}]`, 'undefined', '[0]]'])
    assert.equal(decodeMetadata(Buffer.from(text)), undefined, text)
})

test('an object is written as JSON writes it, however many members it has, and whatever their names', () => {
  const texts = ['short', 'a "quoted" one', 'tab\t', 'ü', 'x'.repeat(64), 'x'.repeat(65), '', '\u007f', '\\']
  const wide = Object.fromEntries(
    Array.from({ length: 300 }, (_, n) => [texts[n % 9]! + n, n % 3 === 0 ? texts[n % 7]! : n * 1.5]),
  )
  const own = JSON.parse('{"__proto__":{"a":1},"1":true,"b":[1],"0":null}')
  for (const value of [wide, own, { ...wide, ...own, last: false }, { n: 1e21, m: -0.5, z: -0 }])
    assert.equal(encode(value), JSON.stringify(value))
})

test('metadata whose getter has other metadata written is written whole', () => {
  const outer = {
    first: 'outer',
    get inner() {
      return encode({ other: 'x'.repeat(40), more: 1 })
    },
    last: 'outer',
  }
  assert.deepEqual(JSON.parse(encode(outer)), {
    first: 'outer',
    inner: `{"other":"${'x'.repeat(40)}","more":1}`,
    last: 'outer',
  })
})
