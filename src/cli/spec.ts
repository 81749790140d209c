/** What a command takes, as data. */

interface OptionBase {
  readonly description: string
  /** One letter. */
  readonly short?: string
}

export interface BooleanOption extends OptionBase {
  readonly type: 'boolean'
}

export interface StringOption extends OptionBase {
  readonly type: 'string'
  /** Stands for the value in the help: `FILE`. */
  readonly placeholder: string
  readonly default?: string
}

export interface ChoiceOption extends OptionBase {
  readonly type: 'choice'
  readonly choices: readonly string[]
  readonly default?: string
}

/**
 * `integer`: a whole number, not negative. `bytes`: the same with a unit: `4096`, `64MiB`, `1GB`.
 * The limits are inclusive.
 */
export interface NumberOption extends OptionBase {
  readonly type: 'integer' | 'bytes'
  readonly placeholder: string
  readonly min?: number
  readonly max?: number
  readonly default?: number
}

export type OptionSpec = BooleanOption | StringOption | ChoiceOption | NumberOption

export type OptionSpecs = Readonly<Record<string, OptionSpec>>

export interface PositionalSpec {
  readonly description: string
  /** Only after all that are not. */
  readonly optional?: true
}

/** In the order of the command line; shown in capitals. */
export type PositionalSpecs = Readonly<Record<string, PositionalSpec>>

/** Every command also takes `--help`. */
export interface CommandSpec<
  O extends OptionSpecs = OptionSpecs,
  P extends PositionalSpecs = PositionalSpecs,
> {
  readonly name: string
  /** What it does, in a phrase. */
  readonly summary: string
  /** Paragraphs for its help. */
  readonly details?: string
  readonly positionals: P
  readonly options: O
}

/** A command whose values get their types from the literals in `spec`. */
export function defineCommand<const O extends OptionSpecs, const P extends PositionalSpecs>(
  spec: CommandSpec<O, P>,
): CommandSpec<O, P> {
  return spec
}
