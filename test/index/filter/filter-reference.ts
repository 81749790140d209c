/**
 * What `docs/filters.md` says, word for word and slowly: the values at a path as a list, and each
 * operator over that.
 */
import type { JsonValue } from '../../../src/mod.ts'

type Members = { readonly [name: string]: JsonValue }

const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Members in one order, so that equal values have equal texts. */
function textOf(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(textOf).join()}]`
  if (!isMembers(value)) return JSON.stringify(value === 0 ? 0 : value)
  const members = Object.keys(value).toSorted()
  return `{${members.map((name) => `${JSON.stringify(name)}:${textOf(value[name]!)}`).join()}}`
}

const below = (value: JsonValue, names: readonly string[]): JsonValue[] => {
  const [name, ...rest] = names
  if (name === undefined) return [value]
  if (Array.isArray(value)) return value.filter(isMembers).flatMap((element) => below(element, names))
  return isMembers(value) && Object.keys(value).includes(name) ? below(value[name]!, rest) : []
}

export function valuesAt(root: JsonValue, path: string): JsonValue[] {
  if (Array.isArray(root)) return root.filter(isMembers).flatMap((element) => valuesAt(element, path))
  if (isMembers(root) && Object.keys(root).includes(path)) return [root[path]!]
  return below(root, path.split('.'))
}

const withElements = (values: readonly JsonValue[]): JsonValue[] =>
  values.flatMap((value) => (Array.isArray(value) ? [value, ...value] : [value]))

const hasEqual = (values: readonly JsonValue[], wanted: JsonValue): boolean =>
  withElements(values).some((value) => textOf(value) === textOf(wanted)) ||
  (wanted === null && values.length === 0)

const hasOrdered = (values: readonly JsonValue[], limit: JsonValue, signs: readonly number[]): boolean =>
  withElements(values).some((value) => {
    if (typeof value === 'number' && typeof limit === 'number')
      return signs.includes(Math.sign(value - limit))
    if (typeof value !== 'string' || typeof limit !== 'string') return false
    return signs.includes(value === limit ? 0 : value < limit ? -1 : 1)
  })

function operatorHolds(values: readonly JsonValue[], name: string, operand: JsonValue): boolean {
  switch (name) {
    case '$eq':
      return hasEqual(values, operand)
    case '$ne':
      return !hasEqual(values, operand)
    case '$in':
      return (operand as JsonValue[]).some((wanted) => hasEqual(values, wanted))
    case '$nin':
      return !(operand as JsonValue[]).some((wanted) => hasEqual(values, wanted))
    case '$gt':
      return hasOrdered(values, operand, [1])
    case '$gte':
      return hasOrdered(values, operand, [0, 1])
    case '$lt':
      return hasOrdered(values, operand, [-1])
    case '$lte':
      return hasOrdered(values, operand, [-1, 0])
    case '$exists':
      return values.length > 0 === operand
    case '$not':
      return !conditionHolds(values, operand)
    default:
      throw new Error(`no operator ${name}`)
  }
}

function conditionHolds(values: readonly JsonValue[], condition: JsonValue): boolean {
  const hasOperators = isMembers(condition) && Object.keys(condition).some((name) => name.startsWith('$'))
  if (!hasOperators) return hasEqual(values, condition)
  return Object.entries(condition).every(([name, operand]) => operatorHolds(values, name, operand))
}

export const holds = (filter: JsonValue, metadata: JsonValue): boolean =>
  Object.entries(filter as Members).every(([key, value]) => {
    if (key === '$and') return (value as JsonValue[]).every((each) => holds(each, metadata))
    if (key === '$or') return (value as JsonValue[]).some((each) => holds(each, metadata))
    if (key === '$not') return !holds(value, metadata)
    return conditionHolds(valuesAt(metadata, key), value)
  })
