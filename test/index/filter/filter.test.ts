/**
 * Declarative filters: against a slow reference, by their laws, and case by case as the page says.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'
import { compileFilter } from '../../../src/index/filter/compile.ts'
import { type Filter, type JsonValue, MAX_FILTER_NESTING, refusal } from '../../support/kit.ts'
import { holds } from './filter-reference.ts'

const any = (value: unknown): never => value as never
const matches = (filter: unknown, metadata: JsonValue): boolean => compileFilter(any(filter))(metadata)

/**
 * Few names and values, so that filters and metadata meet often; some that a prototype has, too.
 */
const name = fc.constantFrom('a', 'b', 'a.b', '', '0', '__proto__', 'constructor')
const path = fc.constantFrom(
  'a',
  'b',
  'a.b',
  'a.a',
  'a.b.a',
  'b.a',
  '',
  '0',
  'a.0',
  '__proto__',
  'a.__proto__',
  'toString',
)
const scalar = fc.constantFrom<JsonValue>(null, true, false, 0, -0, 1, 2.5, -1, '', '0', '1', 'a', 'b')
const object = (value: fc.Arbitrary<JsonValue>): fc.Arbitrary<JsonValue> =>
  fc.array(fc.tuple(name, value), { maxLength: 3 }).map((members) => {
    const made = {}
    // Assignment would set the prototype where the name is `__proto__`; JSON.parse makes a member.
    for (const [key, member] of members)
      Object.defineProperty(made, key, {
        value: member,
        enumerable: true,
        configurable: true,
        writable: true,
      })
    return made
  })
const { value: json } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    object(tie('value')),
  ),
}))
const metadata = fc.oneof({ weight: 6, arbitrary: object(json) }, { weight: 1, arbitrary: json })
const limit = fc.constantFrom<JsonValue>(0, 1, 2.5, '', '0', 'a')

const { filter, condition } = fc.letrec<{ filter: JsonValue; condition: JsonValue }>((tie) => {
  const operators = fc.record(
    {
      $eq: json,
      $ne: json,
      $in: fc.array(json, { maxLength: 3 }),
      $nin: fc.array(json, { maxLength: 3 }),
      $gt: limit,
      $gte: limit,
      $lt: limit,
      $lte: limit,
      $exists: fc.boolean(),
      $not: tie('condition'),
    },
    { requiredKeys: [], noNullPrototype: true },
  )
  return {
    condition: fc.oneof({ maxDepth: 3, withCrossShrink: true }, json, operators),
    filter: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      fc.dictionary(path, tie('condition'), { maxKeys: 2, noNullPrototype: true }),
      fc.record(
        {
          $and: fc.array(tie('filter'), { minLength: 1, maxLength: 3 }),
          $or: fc.array(tie('filter'), { minLength: 1, maxLength: 3 }),
          $not: tie('filter'),
        },
        { requiredKeys: [], noNullPrototype: true },
      ),
    ),
  } as { filter: fc.Arbitrary<JsonValue>; condition: fc.Arbitrary<JsonValue> }
})

test('a filter takes what the reference takes', () => {
  let taken = 0
  const runs = 1_500
  fc.assert(
    fc.property(filter, metadata, (given, value) => {
      const expected = holds(given, value)
      if (expected) taken++
      assert.equal(matches(given, value), expected)
    }),
    { numRuns: runs },
  )
  assert.ok(taken > runs / 10 && taken < (runs * 9) / 10, `of ${runs}, ${taken} were taken`)
})

const LAWS: Record<string, fc.IProperty<[JsonValue, JsonValue, JsonValue]>> = {}
const law = (
  about: string,
  one: (a: JsonValue, b: JsonValue) => unknown,
  other: typeof one,
  of = filter,
): void => {
  LAWS[about] = fc.property(of, of, metadata, (a, b, value) => {
    assert.equal(matches(one(a, b), value), matches(other(a, b), value))
  }) as (typeof LAWS)[string]
}
law(
  'a filter that is parsed from its text is the same',
  (a) => a,
  (a) => JSON.parse(JSON.stringify(a)),
)
law(
  'not twice is nothing',
  (a) => ({ $not: { $not: a } }),
  (a) => a,
)
law(
  'de Morgan: not all of two',
  (a, b) => ({ $not: { $and: [a, b] } }),
  (a, b) => ({ $or: [{ $not: a }, { $not: b }] }),
)
law(
  'de Morgan: not one of two',
  (a, b) => ({ $not: { $or: [a, b] } }),
  (a, b) => ({ $and: [{ $not: a }, { $not: b }] }),
)
law(
  '$and is in no order',
  (a, b) => ({ $and: [a, b] }),
  (a, b) => ({ $and: [b, a] }),
)
law(
  '$or of one is that one',
  (a) => ({ $or: [a] }),
  (a) => a,
)
law(
  'what holds or does not is everything',
  (a) => ({ $or: [a, { $not: a }] }),
  () => ({}),
)
law(
  '$ne is what $eq is not',
  (a) => ({ a: { $ne: a } }),
  (a) => ({ $not: { a: { $eq: a } } }),
  json,
)
law(
  '$in is $or of $eq',
  (a, b) => ({ a: { $in: [a, b] } }),
  (a, b) => ({ $or: [{ a: { $eq: a } }, { a: { $eq: b } }] }),
  json,
)
law(
  '$nin is what $in is not',
  (a, b) => ({ b: { $nin: [a, b] } }),
  (a, b) => ({ $not: { b: { $in: [a, b] } } }),
  json,
)
law(
  '$not of a condition is $not of the filter',
  (a) => ({ a: { $not: a } }),
  (a) => ({ $not: { a } }),
  condition,
)
law(
  'two members are $and',
  (a, b) => ({ a, b }),
  (a, b) => ({ $and: [{ a }, { b }] }),
  condition,
)
law(
  'a limit and beyond',
  (a) => ({ a: { $gte: a } }),
  (a) => ({ $or: [{ a: { $gt: a } }, { a }] }),
  limit,
)

for (const [about, property] of Object.entries(LAWS)) {
  test(`a law of filters: ${about}`, () => fc.assert(property, { numRuns: 150 }))
}

/** A filter, what it takes and what it leaves out. */
const CASES: Record<string, readonly [filter: Filter, taken: JsonValue[], left: JsonValue[]]> = {
  'an empty filter takes everything': [{}, [null, 1, 'x', [], {}], []],
  'a value': [{ a: 'x' }, [{ a: 'x', b: 1 }], [{ a: 'y' }, { a: ['y'] }, {}, null, 'x', { b: 'x' }]],
  'one of the elements': [{ a: 'x' }, [{ a: ['y', 'x'] }], [{ a: [['x']] }, { a: { x: 'x' } }]],
  'an array as a whole, or as an element': [
    { a: [1, 2] },
    [{ a: [1, 2] }, { a: [[1, 2]] }],
    [{ a: [2, 1] }, { a: 1 }],
  ],
  'an object as a whole': [
    { a: { b: 1, c: 2 } },
    [{ a: { c: 2, b: 1 } }],
    [{ a: { b: 1 } }, { a: { b: 1, c: 2, d: 3 } }],
  ],
  'an empty object': [{ a: {} }, [{ a: {} }], [{ a: { b: 1 } }, {}]],
  'null is like missing': [
    { a: null },
    [{ a: null }, {}, 'x', { a: [null] }],
    [{ a: 0 }, { a: [] }, { a: '' }],
  ],
  'not null is there': [{ a: { $ne: null } }, [{ a: 0 }, { a: [] }], [{ a: null }, {}]],
  'not equal takes what is missing': [
    { a: { $ne: 'x' } },
    [{}, { a: 'y' }, null],
    [{ a: 'x' }, { a: ['x', 'y'] }],
  ],
  'one of several': [
    { a: { $in: ['x', 2] } },
    [{ a: 'x' }, { a: 2 }, { a: [2] }],
    [{ a: '2' }, {}, { a: null }],
  ],
  'one of none': [{ a: { $in: [] } }, [], [{}, { a: 1 }]],
  'none of none': [{ a: { $nin: [] } }, [{}, { a: 1 }], []],
  'null among several': [{ a: { $in: [null, 1] } }, [{}, { a: 1 }, { a: null }], [{ a: 2 }]],
  'a range of numbers': [
    { a: { $gte: 1, $lt: 3 } },
    [{ a: 1 }, { a: 2.5 }],
    [{ a: 3 }, { a: '2' }, { a: null }, {}, { a: true }],
  ],
  'a range of dates, as texts': [
    { at: { $gte: '2024-01-01', $lt: '2025-01-01' } },
    [{ at: '2024-06-30T12:00:00.000Z' }],
    [{ at: '2025-01-01' }, { at: 20240630 }],
  ],
  'what is no order holds neither way': [
    { $or: [{ a: { $lt: 'x' } }, { a: { $gte: 'x' } }] },
    [{ a: 'w' }, { a: 'x' }],
    [{ a: 1 }, { a: null }, { a: true }, { a: {} }, {}],
  ],
  'each limit may be another element': [{ a: { $gt: 5, $lt: 3 } }, [{ a: [1, 9] }], [{ a: [4] }]],
  'zeros are equal': [{ a: -0 }, [{ a: 0 }], []],
  'there, also as null': [{ a: { $exists: true } }, [{ a: null }, { a: [] }], [{ b: 1 }, null]],
  'not there': [{ a: { $exists: false } }, [{ b: 1 }, null, 'x'], [{ a: null }]],
  'a path': [{ 'a.b.c': 1 }, [{ a: { b: { c: 1 } } }], [{ a: { b: 1 } }, { a: 1 }, { b: { c: 1 } }]],
  'a path through arrays': [
    { 'a.b': 1 },
    [{ a: [{ b: 2 }, { b: 1 }] }, { a: [{ b: [1] }] }, [{ a: { b: 1 } }]],
    [{ a: [[{ b: 1 }]] }, { a: [1] }],
  ],
  'a place in an array is no name': [{ 'a.0': 1 }, [{ a: { 0: 1 } }, { a: [{ 0: 1 }] }], [{ a: [1] }]],
  'a name with dots comes first': [{ 'a.b': 1 }, [{ 'a.b': 1, a: { b: 2 } }], [{ 'a.b': 2, a: { b: 1 } }]],
  'own members only': [
    { $or: [{ toString: { $exists: true } }, { 'constructor.name': 'Object' }, { 'a.length': 1 }] } as Filter,
    [{ toString: 1 }],
    [{}, { a: 'x' }, { a: [1] }],
  ],
  'a member named __proto__': [
    JSON.parse('{"__proto__":1}'),
    [JSON.parse('{"__proto__":1}')],
    [{}, { a: 1 }],
  ],
  'a name with $ within a path, and a whole object with one': [
    { $and: [{ 'a.$ref': 1 }, { a: { $eq: { $ref: 1 } } }] },
    [{ a: { $ref: 1 } }],
    [{ a: { $ref: 2 } }],
  ],
}

for (const [about, [given, taken, left]] of Object.entries(CASES)) {
  test(`a filter: ${about}`, () => {
    for (const value of taken) assert.ok(matches(given, value), `it takes ${JSON.stringify(value)}`)
    for (const value of left) assert.ok(!matches(given, value), `it leaves out ${JSON.stringify(value)}`)
    for (const value of [...taken, ...left])
      assert.equal(holds(given as JsonValue, value), taken.includes(value))
  })
}

const cyclic: { [name: string]: unknown } = {}
cyclic.$not = cyclic
const endless: unknown[] = []
endless.push(endless)

const REFUSED: Record<string, readonly [filter: unknown, message: RegExp]> = {
  'an operator that there is not': [
    { a: { $gtt: 1 } },
    /^filter\.a has no operator "\$gtt"\. There are: \$eq, .*\$not\.$/,
  ],
  'one that a prototype has': [{ a: { $in: [1], $toString: 1 } }, /no operator "\$toString"/],
  'an operator of a member at the top': [
    { $eq: 1 },
    /^filter has no operator "\$eq"\. There are: \$and, \$or, \$not\.$/,
  ],
  'an operator at the top of a member': [{ a: { $or: [1] } }, /^filter\.a has no operator "\$or"/],
  'operators among members': [{ a: { $gt: 1, b: 2 } }, /^filter\.a has the operator "\$gt" inside an object/],
  'operators deeper in an object': [{ a: { b: [{ c: { $gt: 1 } }] } }, /inside an object .* with dots/],
  'undefined, which JSON would drop': [{ a: undefined }, /^filter\.a is undefined, which JSON cannot hold/],
  'undefined below': [{ a: { $eq: { b: undefined } } }, /^filter\.a\.\$eq\.b is undefined/],
  'a hole': [{ a: { $in: new Array(1) } }, /^filter\.a\.\$in\.0 is undefined/],
  'a date': [{ a: { $eq: new Date(0) } }, /toISOString/],
  'a date as a limit': [{ a: { $gt: new Date(0) } }, /a finite number or a text/],
  NaN: [{ a: Number.NaN }, /is NaN/],
  'an infinite limit': [{ a: { $lt: Number.POSITIVE_INFINITY } }, /not Infinity/],
  'null as a limit': [{ a: { $gte: null } }, /a finite number or a text, not null/],
  'a regular expression': [{ a: /x/ }, /is \/x\/, which JSON/],
  'a function within': [{ a: () => true }, /\[Function/],
  'a bigint': [{ a: 1n }, /is 1n/],
  'no array to be one of': [{ a: { $in: 'x' } }, /^filter\.a\.\$in must be an array of values, not "x"\.$/],
  'no truth': [{ a: { $exists: 1 } }, /must be true or false, not 1/],
  'no filters': [{ $and: [] }, /must be an array of filters, with one at least/],
  'a hole among filters': [{ $and: new Array(1) }, /^filter\.\$and\.0 must be an object/],
  'one filter for several': [{ $or: { a: 1 } }, /must be an array of filters/],
  'no filter among several': [{ $or: [{ a: 1 }, 'x'] }, /^filter\.\$or\.1 must be an object/],
  'nothing to negate': [{ $not: null }, /^filter\.\$not must be an object/],
  'an array': [[{ a: 1 }], /^filter must be an object/],
  'an object of a class': [new Map(), /^filter must be an object/],
}

for (const [about, [given, message]] of Object.entries(REFUSED)) {
  test(`a filter is refused by name: ${about}`, () => {
    assert.throws(
      () => compileFilter(any(given)),
      (error: Error) => {
        assert.match(error.message, message)
        return refusal('WALV_INVALID_OPTION')(error)
      },
    )
  })
}

test('a filter that is nested too deep, or into itself, is refused', () => {
  const nested = (depth: number): object => {
    let made: object = { a: 1 }
    for (let level = 1; level < depth; level++) made = { $not: made }
    return made
  }
  assert.equal(matches(nested(MAX_FILTER_NESTING), { a: 1 }), MAX_FILTER_NESTING % 2 === 1)
  for (const given of [
    nested(MAX_FILTER_NESTING + 1),
    nested(100_000),
    cyclic,
    { a: endless },
    { a: { $eq: endless } },
  ])
    assert.throws(() => compileFilter(any(given)), refusal('WALV_LIMIT'))
})

test('a filter is what it was when it was given', () => {
  const list = ['x']
  const whole = { b: [1] }
  const takes = compileFilter({ $and: [{ a: { $in: list } }, { b: whole }] })
  list[0] = 'y'
  whole.b.push(2)
  assert.ok(takes({ a: 'x', b: { b: [1] } }))
  assert.ok(!takes({ a: 'y', b: { b: [1, 2] } }))
})

test('a filter may come from another realm', () => {
  const given = runInNewContext(`({ $or: [{ a: { $in: ['x'] } }, { b: { c: [1] } }] })`)
  assert.ok(matches(given, { a: 'x' }))
  assert.ok(matches(given, { b: { c: [1] } }))
  assert.ok(!matches(given, {}))
})
