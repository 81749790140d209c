import { echo } from '../../echo.ts'
import type { JsonValue } from '../../entry.ts'
import type { Filter } from './filter.ts'
import { checkNesting, equalsOneOf, isPlainObject, literalOf, type Place, refusal } from './literal.ts'
import { anyValueAt } from './values-at.ts'

type Predicate = (metadata: JsonValue) => boolean
type AnyValue = ReturnType<typeof anyValueAt>

/**
 * Makes a function of a filter, which no later change of it reaches.
 * @throws WALV_INVALID_OPTION for an unknown operator, or what JSON cannot hold; WALV_LIMIT
 */
export const compileFilter = (filter: Filter): Predicate => compileMembers(filter, [])

function compileMembers(filter: unknown, place: Place): Predicate {
  checkNesting(place)
  if (!isPlainObject(filter))
    throw refusal(place, `must be an object such as { lang: 'en' }, not ${echo(filter)}.`)
  return all(
    Object.entries(filter).map(([key, value]) => {
      if (!key.startsWith('$')) return compileCondition(anyValueAt(key), value, [...place, key])
      return operatorOf(LOGICAL, key, place)(value, [...place, key])
    }),
  )
}

const LOGICAL: Readonly<Record<string, (operand: unknown, place: Place) => Predicate>> = {
  $and: (filters, place) => all(compileEach(filters, place)),
  $or: (filters, place) => {
    const predicates = compileEach(filters, place)
    return (metadata) => predicates.some((holds) => holds(metadata))
  },
  $not: (filter, place) => not(compileMembers(filter, place)),
}

function compileEach(filters: unknown, place: Place): Predicate[] {
  // Of none, "all" would be everything, "one of" nothing: mostly a list that somebody forgot to
  // fill.
  if (!Array.isArray(filters) || filters.length === 0)
    throw refusal(place, `must be an array of filters, with one at least, not ${echo(filters)}.`)
  return Array.from(filters, (filter, at) => compileMembers(filter, [...place, String(at)]))
}

/** A value to be equal to, or operators. */
function compileCondition(anyValue: AnyValue, condition: unknown, place: Place): Predicate {
  checkNesting(place)
  if (!isPlainObject(condition)) return equal(anyValue, [literalOf(condition, place)])
  const keys = Object.keys(condition)
  if (keys.length === 0 || !keys.every((key) => key.startsWith('$'))) {
    refuseOperatorsIn(condition, place)
    return equal(anyValue, [literalOf(condition, place)])
  }
  return all(keys.map((key) => operatorOf(OPERATORS, key, place)(anyValue, condition[key], [...place, key])))
}

type Operator = (anyValue: AnyValue, operand: unknown, place: Place) => Predicate

const OPERATORS: Readonly<Record<string, Operator>> = {
  $eq: (anyValue, operand, place) => equal(anyValue, [literalOf(operand, place)]),
  $ne: (anyValue, operand, place) => not(equal(anyValue, [literalOf(operand, place)])),
  $in: (anyValue, operand, place) => equal(anyValue, literalsOf(operand, place)),
  $nin: (anyValue, operand, place) => not(equal(anyValue, literalsOf(operand, place))),
  $gt: ordered((value, limit) => value > limit),
  $gte: ordered((value, limit) => value >= limit),
  $lt: ordered((value, limit) => value < limit),
  $lte: ordered((value, limit) => value <= limit),
  $exists: (anyValue, operand, place) => {
    if (typeof operand !== 'boolean') throw refusal(place, `must be true or false, not ${echo(operand)}.`)
    return (metadata) => anyValue(metadata, () => true) === operand
  },
  $not: (anyValue, operand, place) => not(compileCondition(anyValue, operand, place)),
}

function literalsOf(operand: unknown, place: Place): JsonValue[] {
  if (!Array.isArray(operand)) throw refusal(place, `must be an array of values, not ${echo(operand)}.`)
  return Array.from(operand, (value, at) => literalOf(value, [...place, String(at)]))
}

/**
 * A value at the path, or an element of one, is one of the literals. What is missing is equal to
 * null.
 */
function equal(anyValue: AnyValue, literals: readonly JsonValue[]): Predicate {
  const passes = orElement(equalsOneOf(literals))
  if (!literals.includes(null)) return (metadata) => anyValue(metadata, passes)
  return (metadata) => anyValue(metadata, passes) || !anyValue(metadata, () => true)
}

/** Numbers by their size, texts by their UTF-16 units; values of two types are in no order. */
function ordered(holds: (value: number | string, limit: number | string) => boolean): Operator {
  return (anyValue, limit, place) => {
    if (typeof limit !== 'string' && !(typeof limit === 'number' && Number.isFinite(limit)))
      throw refusal(place, `must be a finite number or a text, not ${echo(limit)}.`)
    const passes = orElement(
      (value) => typeof value === typeof limit && holds(value as number | string, limit),
    )
    return (metadata) => anyValue(metadata, passes)
  }
}

const orElement =
  (test: (value: JsonValue) => boolean): ((value: JsonValue) => boolean) =>
  (value) =>
    test(value) || (Array.isArray(value) && value.some(test))

const all =
  (predicates: readonly Predicate[]): Predicate =>
  (metadata) =>
    predicates.every((holds) => holds(metadata))

const not =
  (predicate: Predicate): Predicate =>
  (metadata) =>
    !predicate(metadata)

function operatorOf<T>(operators: Readonly<Record<string, T>>, key: string, place: Place): T {
  if (Object.hasOwn(operators, key)) return operators[key]!
  const list = Object.keys(operators).join(', ')
  throw refusal(place, `has no operator ${echo(key)}. There are: ${list}.`)
}

/**
 * What looks like a condition, inside an object that is compared as a whole, would never hold, in
 * silence.
 */
function refuseOperatorsIn(value: unknown, place: Place): void {
  checkNesting(place)
  if (typeof value !== 'object' || value === null) return
  for (const [name, member] of Object.entries(value)) {
    if (!Array.isArray(value) && name.startsWith('$'))
      throw refusal(
        place,
        `has the operator ${echo(name)} inside an object that is compared as a whole. ` +
          "Write the path with dots, as { 'a.b': { $gt: 1 } }, or { $eq: … } to compare with just that.",
      )
    refuseOperatorsIn(member, [...place, name])
  }
}
