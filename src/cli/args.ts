/** Parses a command line against what a command takes. */

import { parseArgs } from 'node:util'
import { WalError } from '../mod.ts'
import { commandHelp } from './help.ts'
import { formatBytes, formatCount } from './output.ts'
import type {
  BooleanOption,
  ChoiceOption,
  CommandSpec,
  NumberOption,
  OptionSpec,
  OptionSpecs,
  PositionalSpecs,
} from './spec.ts'
import { suggest } from './suggest.ts'
import { cut, quote } from './text.ts'

type ValueOf<O extends OptionSpec> = O extends BooleanOption
  ? boolean
  : O extends ChoiceOption
    ? O['choices'][number]
    : O extends NumberOption
      ? number
      : string

/**
 * A boolean is false, any other option without a default `undefined` where it is not given. Of a
 * repeated option the last holds.
 */
export type OptionValues<O extends OptionSpecs> = {
  readonly [K in keyof O]: O[K] extends BooleanOption | { readonly default: unknown }
    ? ValueOf<O[K]>
    : ValueOf<O[K]> | undefined
}

export type PositionalValues<P extends PositionalSpecs> = {
  readonly [K in keyof P]: P[K] extends { readonly optional: true } ? string | undefined : string
}

export type Parsed<O extends OptionSpecs, P extends PositionalSpecs> =
  | { readonly help: string }
  | { readonly help?: never; readonly options: OptionValues<O>; readonly positionals: PositionalValues<P> }

/**
 * What the arguments behind the command's name say. With `--help` among them it is the help,
 * whatever else is wrong.
 * @throws WalError `WALV_USAGE`.
 */
export function parseCommand<O extends OptionSpecs, P extends PositionalSpecs>(
  spec: CommandSpec<O, P>,
  args: readonly string[],
): Parsed<O, P> {
  const tokens = tokenize(spec, args)
  if (tokens.some((token) => token.kind === 'option' && token.name === 'help'))
    return { help: commandHelp(spec) }
  const values = new Map<string, string | number | boolean | undefined>()
  for (const [name, option] of Object.entries<OptionSpec>(spec.options)) {
    values.set(name, option.type === 'boolean' ? false : option.default)
  }
  const given: string[] = []
  for (const token of tokens) {
    if (token.kind === 'option') values.set(token.name, optionValue(spec, token))
    else if (token.kind === 'positional') given.push(token.value)
  }
  return {
    options: Object.fromEntries(values) as OptionValues<O>,
    positionals: positionalValues(spec, given) as PositionalValues<P>,
  }
}

/**
 * The command of a name.
 * @throws WalError `WALV_USAGE`.
 */
export function findCommand<C extends { readonly name: string }>(commands: readonly C[], name: string): C {
  const found = commands.find((command) => command.name === name)
  if (found !== undefined) return found
  const near = suggest(
    name,
    commands.map((command) => command.name),
  )
  const hint = near === undefined ? '' : ` Did you mean \`walv ${near}\`?`
  throw new WalError('WALV_USAGE', `There is no command ${quote(name)}.${hint} See \`walv --help\`.`)
}

type Token = ReturnType<typeof tokenize>[number]
type OptionToken = Extract<Token, { kind: 'option' }>

/** Not strict: the messages are ours. */
function tokenize(spec: CommandSpec, args: readonly string[]) {
  const options: Record<string, { type: 'boolean' | 'string'; short?: string }> = {
    help: { type: 'boolean', short: 'h' },
  }
  for (const [name, { type, short }] of Object.entries(spec.options)) {
    options[name] = {
      type: type === 'boolean' ? 'boolean' : 'string',
      ...(short === undefined ? {} : { short }),
    }
  }
  return parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true }).tokens
}

function optionValue(spec: CommandSpec, token: OptionToken): string | number | boolean {
  const option = Object.hasOwn(spec.options, token.name) ? spec.options[token.name] : undefined
  if (option === undefined) throw unknownOption(spec, token)
  if (option.type === 'boolean') {
    if (token.value === undefined) return true
    throw usage(spec, `${token.rawName} takes no value.`)
  }
  // The next option in the place of a value is a forgotten value; `--name=-x` says that it is
  // meant.
  if (token.value === undefined || (!token.inlineValue && /^-./.test(token.value))) {
    throw usage(spec, `${token.rawName} needs a value.`)
  }
  if (option.type === 'string') return token.value
  if (option.type === 'choice') {
    if (option.choices.includes(token.value)) return token.value
    throw usage(spec, `${token.rawName} is one of ${option.choices.join(', ')}, not ${quote(token.value)}.`)
  }
  return numberValue(spec, token.rawName, option, token.value)
}

const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  KiB: 2 ** 10,
  MB: 1e6,
  MiB: 2 ** 20,
  GB: 1e9,
  GiB: 2 ** 30,
  TB: 1e12,
  TiB: 2 ** 40,
}

function numberValue(spec: CommandSpec, rawName: string, option: NumberOption, text: string): number {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = option
  const value = option.type === 'bytes' ? parseBytes(text) : parseInteger(text)
  if (value !== undefined && value >= min && value <= max) return value
  const format = option.type === 'bytes' ? formatBytes : formatCount
  const range =
    max === Number.MAX_SAFE_INTEGER ? `of at least ${format(min)}` : `from ${format(min)} to ${format(max)}`
  const kind = option.type === 'bytes' ? 'a size such as 4096 or 64MiB' : 'a whole number'
  throw usage(spec, `${rawName} needs ${kind} ${range}, not ${quote(text)}.`)
}

function parseInteger(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : undefined
}

/** NaN, which is in no range, for a unit that there is not. */
function parseBytes(text: string): number | undefined {
  const [, digits, unit = 'B'] = /^(\d+) ?([A-Za-z]+)?$/.exec(text) ?? []
  return digits === undefined ? undefined : Number(digits) * (BYTES_PER_UNIT[unit] ?? Number.NaN)
}

function positionalValues(spec: CommandSpec, given: readonly string[]): Record<string, string | undefined> {
  const names = Object.keys(spec.positionals)
  const extra = given[names.length]
  if (extra !== undefined) throw usage(spec, `${quote(extra)} is one argument too many.`)
  // What is empty was meant to be something: a variable that is not set.
  const missing = names.find(
    (name, i) => given[i] === '' || (i >= given.length && !spec.positionals[name]!.optional),
  )
  if (missing !== undefined) throw usage(spec, `${missing.toUpperCase()} is missing.`)
  return Object.fromEntries(names.map((name, i) => [name, given[i]]))
}

function unknownOption(spec: CommandSpec, token: OptionToken): WalError {
  const near = suggest(token.name, [...Object.keys(spec.options), 'help'])
  const hint = near === undefined || !token.rawName.startsWith('--') ? '' : ` Did you mean --${near}?`
  return usage(spec, `There is no option ${cut(token.rawName)}.${hint}`)
}

function usage(spec: CommandSpec, problem: string): WalError {
  return new WalError('WALV_USAGE', `${problem} See \`walv ${spec.name} --help\`.`)
}
