/** The help of the program and of its commands. */

import { formatBytes, formatCount, table } from './output.ts'
import type { CommandSpec, OptionSpec } from './spec.ts'

/** What `walv COMMAND --help` prints. */
export function commandHelp(spec: CommandSpec): string {
  const positionals = Object.entries(spec.positionals)
  const shown = positionals.map(([name, { optional }]) =>
    optional ? `[${name.toUpperCase()}]` : name.toUpperCase(),
  )
  const usage = ['Usage: walv', spec.name, ...shown, '[OPTIONS]'].join(' ')
  const options = Object.entries(spec.options).map(([name, option]) => optionRow(name, option))
  const sections = [
    wrap(`walv ${spec.name}: ${spec.summary}`, MAX_COLUMNS).join('\n'),
    usage,
    spec.details && wrap(spec.details, MAX_COLUMNS).join('\n'),
    described(positionals.map(([name, { description }]) => [`  ${name.toUpperCase()}`, description])),
    described([...options, optionRow('help', { type: 'boolean', short: 'h', description: 'Show this' })]),
  ]
  return `${sections.filter(Boolean).join('\n\n')}\n`
}

/** What `walv --help` prints. */
export function programHelp(commands: readonly Pick<CommandSpec, 'name' | 'summary'>[]): string {
  const rows = commands.map(({ name, summary }): Described => [`  ${name}`, summary])
  return [
    'walv: a crash-safe write-ahead log for vector indexes',
    'Usage: walv COMMAND [ARGUMENTS] [OPTIONS]',
    described(rows),
    'More on one of them: walv COMMAND --help. Which walv this is: walv --version\n',
  ].join('\n\n')
}

/** What every terminal has. */
const MAX_COLUMNS = 80

/** Running text in lines of at most so many columns, unless a word is longer. */
export function wrap(text: string, maxColumns: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1)} ${word}`
    if (lines.length > 0 && longer.length <= maxColumns) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines
}

/** A name and what it means. */
type Described = [name: string, description: string]

/** Names, and beside them their descriptions, which go on below where a line is too short. */
function described(rows: readonly Described[]): string {
  const columns = MAX_COLUMNS - 2 - Math.max(0, ...rows.map(([name]) => name.length))
  return table(
    rows.flatMap(([name, description]) =>
      wrap(description, columns).map((line, at) => [at === 0 ? name : '', line]),
    ),
  )
}

function optionRow(name: string, option: OptionSpec): Described {
  const short = option.short === undefined ? '    ' : `-${option.short}, `
  const value = option.type === 'boolean' ? '' : ` ${placeholder(option)}`
  const notes = noteOf(option)
  return [
    `  ${short}--${name}${value}`,
    notes === '' ? option.description : `${option.description} (${notes})`,
  ]
}

function placeholder(option: Exclude<OptionSpec, { type: 'boolean' }>): string {
  return option.type === 'choice' ? option.choices.join('|') : option.placeholder
}

function noteOf(option: OptionSpec): string {
  if (option.type === 'boolean' || option.default === undefined || option.default === '') return ''
  if (option.type === 'bytes') return `default ${formatBytes(option.default)}`
  return `default ${option.type === 'integer' ? formatCount(option.default) : option.default}`
}
