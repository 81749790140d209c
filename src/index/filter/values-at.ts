import type { JsonValue } from '../../entry.ts'

type Test = (value: JsonValue) => boolean

const isObject = (value: JsonValue): value is { readonly [name: string]: JsonValue } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Tells whether one of the values at a path passes a test. There may be several: an array on the
 * way is looked into, element by element. Only own members count, whatever their names.
 */
export function anyValueAt(path: string): (metadata: JsonValue, test: Test) => boolean {
  const names = path.split('.')
  const start = (root: JsonValue, test: Test): boolean => {
    if (Array.isArray(root)) return root.some((element) => isObject(element) && start(element, test))
    // A member that has the dots in its name is meant first.
    return isObject(root) && Object.hasOwn(root, path) ? test(root[path]!) : anyBelow(root, names, 0, test)
  }
  return start
}

function anyBelow(value: JsonValue, names: readonly string[], at: number, test: Test): boolean {
  if (at === names.length) return test(value)
  if (Array.isArray(value))
    return value.some((element) => isObject(element) && anyBelow(element, names, at, test))
  const name = names[at]!
  return isObject(value) && Object.hasOwn(value, name) && anyBelow(value[name]!, names, at + 1, test)
}
