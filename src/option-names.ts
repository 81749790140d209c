import { echo } from './echo.ts'
import { WalError } from './errors.ts'

/** All options of a type. Where one is missing, or one is too many, it does not compile. */
export type OptionNames<Options> = Readonly<Record<keyof Options, unknown>>

/** What other libraries call an option, and what it is called here. */
const ALIASES: Readonly<Record<string, string>> = {
  topK: 'k',
  top_k: 'k',
  topk: 'k',
  K: 'k',
  n: 'k',
  limit: 'k',
  count: 'k',
  where: 'filter',
  filters: 'filter',
  dimension: 'dimensions',
  dim: 'dimensions',
  dims: 'dimensions',
  space: 'metric',
  distance: 'metric',
  dir: 'directory',
  path: 'directory',
  readonly: 'readOnly',
}

interface Kind {
  readonly what: string
  accepts(value: unknown): boolean
}

const isFunction = (value: unknown): boolean => typeof value === 'function'
const FUNCTION: Kind = { what: 'a function', accepts: isFunction }

/** What an option of such a name must be in every call that has it. */
const KINDS: Readonly<Record<string, Kind>> = {
  signal: {
    what: 'an AbortSignal',
    accepts: (value) => {
      const { throwIfAborted, addEventListener } = Object(value)
      return isFunction(throwIfAborted) && isFunction(addEventListener)
    },
  },
  onProgress: FUNCTION,
  clock: FUNCTION,
}

/** @throws WALV_INVALID_OPTION */
function checkKind(name: string, value: unknown): void {
  if (value === undefined || value === null || !Object.hasOwn(KINDS, name)) return
  const { what, accepts } = KINDS[name]!
  if (!accepts(value)) throw wrongKind(name, value, what)
}

export const wrongKind = (name: string, value: unknown, what: string): WalError =>
  new WalError('WALV_INVALID_OPTION', `The option ${name} must be ${what}, not ${echo(value)}.`)

/**
 * Makes sure that options are an object without an option that there is not, and that those
 * that many calls have are what they should be. `call` is whose options they are.
 * @throws WALV_INVALID_OPTION
 */
export function checkOptions<Options>(call: string, options: Options, names: OptionNames<Options>): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const hint = typeof options === 'number' && 'k' in names ? ` Did you mean { k: ${options} }?` : ''
    throw new WalError(
      'WALV_INVALID_OPTION',
      `The options of ${call} must be an object, not ${echo(options)}.${hint} There are: ${listOf(names)}.`,
    )
  }
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name))
  if (unknown === undefined) {
    for (const name of Object.keys(options)) checkKind(name, options[name as keyof Options])
    return
  }
  const meant = Object.hasOwn(ALIASES, unknown) ? ALIASES[unknown]! : undefined
  const hint = meant !== undefined && Object.hasOwn(names, meant) ? ` Did you mean ${meant}?` : ''
  throw new WalError(
    'WALV_INVALID_OPTION',
    `${call} has no option ${echo(unknown)}.${hint} There are: ${listOf(names)}.`,
  )
}

const listOf = (names: object): string => Object.keys(names).join(', ')
