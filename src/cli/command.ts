import type { WalErrorCode } from '../mod.ts'
import { WalError } from '../mod.ts'
import type { OptionValues, PositionalValues } from './args.ts'
import type { CommandSpec, OptionSpecs, PositionalSpecs } from './spec.ts'

/** 0: fine. 1: damage, or a negative answer. 2: wrong use. */
export type ExitCode = 0 | 1 | 2

/** A command with what it does. */
export interface Command {
  readonly spec: CommandSpec
  run(options: OptionValues<OptionSpecs>, positionals: PositionalValues<PositionalSpecs>): Promise<ExitCode>
}

/**
 * Checks `run` against the types of the values that `spec` describes; outside, all commands are
 * alike.
 */
export function command<O extends OptionSpecs, P extends PositionalSpecs>(
  spec: CommandSpec<O, P>,
  run: (options: OptionValues<O>, positionals: PositionalValues<P>) => Promise<ExitCode>,
): Command {
  return { spec, run: run as unknown as Command['run'] }
}

/**
 * Errors that say something about the log or the disk rather than about how the command was used.
 */
const NEGATIVE: ReadonlySet<WalErrorCode> = new Set<WalErrorCode>([
  'WALV_DAMAGED',
  'WALV_DISK_FULL',
  'WALV_IO',
  'WALV_POISONED',
  'WALV_LOCK_LOST',
  'WALV_NOT_FOUND',
])

export const exitCodeOf = (error: unknown): ExitCode =>
  error instanceof WalError && !NEGATIVE.has(error.code) ? 2 : 1

/**
 * A line on standard output. Resolves when the reader keeps up, so that a long output stays out of
 * memory.
 */
export function printLine(line: string): Promise<void> | undefined {
  if (process.stdout.write(`${line}\n`)) return undefined
  return new Promise((resolve) => process.stdout.once('drain', resolve))
}

export const printJson = (value: unknown): Promise<void> | undefined => printLine(JSON.stringify(value))
