/** What a filter compares with. */
import { isDeepStrictEqual } from 'node:util'
import { cut, echo } from '../../echo.ts'
import type { JsonValue } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { MAX_FILTER_NESTING } from '../../limits.ts'

/** Where in a filter something stands: the names and operators that lead there. */
export type Place = readonly string[]

/** Of the place that a message names. */
const PLACE_CHARACTERS = 80

export const refusal = (place: Place, problem: string): WalError =>
  new WalError('WALV_INVALID_OPTION', `${cut(['filter', ...place].join('.'), PLACE_CHARACTERS)} ${problem}`)

/** @throws WALV_LIMIT */
export function checkNesting(place: Place): void {
  if (place.length <= MAX_FILTER_NESTING) return
  throw new WalError('WALV_LIMIT', `The filter is nested deeper than ${MAX_FILTER_NESTING} (a cycle?).`)
}

export const isPlainObject = (value: unknown): value is { readonly [name: string]: unknown } => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value)
  // Of another realm, too.
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/**
 * A copy of a value that JSON can hold.
 * @throws WALV_INVALID_OPTION, WALV_LIMIT
 */
export function literalOf(value: unknown, place: Place): JsonValue {
  checkLiteral(value, place)
  return JSON.parse(JSON.stringify(value))
}

function checkLiteral(value: unknown, place: Place): void {
  checkNesting(place)
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value))
    return
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) checkLiteral(value[at], [...place, String(at)])
  } else if (isPlainObject(value)) {
    for (const [name, member] of Object.entries(value)) checkLiteral(member, [...place, name])
  } else {
    const hint =
      value instanceof Date ? ' Write dates as they are stored, for example with toISOString().' : ''
    throw refusal(place, `is ${echo(value)}, which JSON cannot hold.${hint}`)
  }
}

/** A test for being equal to one of some values. Members of objects are in no order. */
export function equalsOneOf(literals: readonly JsonValue[]): (value: JsonValue) => boolean {
  const simple = new Set(literals.filter((literal) => typeof literal !== 'object' || literal === null))
  const others = literals.filter((literal) => typeof literal === 'object' && literal !== null)
  return (value) =>
    typeof value === 'object' && value !== null
      ? others.some((literal) => isDeepStrictEqual(value, literal))
      : simple.has(value)
}
