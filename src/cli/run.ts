import { WalError } from '../mod.ts'
import { findCommand, parseCommand } from './args.ts'
import { type Command, type ExitCode, exitCodeOf } from './command.ts'
import { checkpoint } from './commands/checkpoint.ts'
import { convert } from './commands/convert.ts'
import { cursors } from './commands/cursors.ts'
import { demo } from './commands/demo.ts'
import { diff } from './commands/diff.ts'
import { doctor } from './commands/doctor.ts'
import { exportVectors } from './commands/export.ts'
import { fork } from './commands/fork.ts'
import { history } from './commands/history.ts'
import { importVectors } from './commands/import.ts'
import { log } from './commands/log.ts'
import { query } from './commands/query.ts'
import { repair } from './commands/repair.ts'
import { revert } from './commands/revert.ts'
import { stats } from './commands/stats.ts'
import { tail } from './commands/tail.ts'
import { verify } from './commands/verify.ts'
import { programHelp } from './help.ts'
import { packageVersion } from './package.ts'

const COMMANDS: readonly Command[] = [
  demo,
  log,
  tail,
  cursors,
  verify,
  doctor,
  repair,
  stats,
  importVectors,
  exportVectors,
  query,
  history,
  diff,
  revert,
  fork,
  checkpoint,
  convert,
]

/** Does what the arguments of the program say. Never rejects: what goes wrong is told. */
export async function run(args: readonly string[]): Promise<ExitCode> {
  try {
    return await obey(args)
  } catch (error) {
    return complain(error)
  }
}

/** Tells what went wrong, and returns the exit code for it. */
export function complain(error: unknown): ExitCode {
  const text = error instanceof WalError ? `${error.message} (${error.code})` : (error as Error).stack
  process.stderr.write(`walv: ${text}\n`)
  return exitCodeOf(error)
}

async function obey([name, ...rest]: readonly string[]): Promise<ExitCode> {
  const specs = COMMANDS.map(({ spec }) => spec)
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(programHelp(specs))
    return name === undefined ? 2 : 0
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${packageVersion()}\n`)
    return 0
  }
  const { run, spec } = COMMANDS[specs.indexOf(findCommand(specs, name))]!
  const parsed = parseCommand(spec, rest)
  if (parsed.help !== undefined) {
    process.stdout.write(parsed.help)
    return 0
  }
  return run(parsed.options, parsed.positionals)
}
