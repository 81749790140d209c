import { epochMs } from '../../clock.ts'
import { differences } from '../../index/durable/time/diff.ts'
import { type Command, command, type ExitCode, printJson, printLine } from '../command.ts'
import { momentFrom } from '../log-selection.ts'
import { openToLook } from '../opening.ts'
import { defineCommand } from '../spec.ts'
import { quote } from '../text.ts'

const spec = defineCommand({
  name: 'diff',
  summary: 'print the ids in which an index differs at two moments',
  details:
    'A moment is the number of a record, right after which it is, or a time: 2026-11-30T10:45:00Z, or 15m, 2h, 7d ago. ' +
    'Never writes, and may run beside a live writer.',
  positionals: {
    directory: { description: 'the directory of the log' },
    from: { description: 'the first moment' },
    to: { description: 'the second; default: now', optional: true },
  },
  options: { json: { type: 'boolean', description: 'one JSON object a line' } },
})

export const diff: Command = command(spec, async ({ json }, { directory, from, to }): Promise<ExitCode> => {
  const first = momentFrom(from, 'diff', epochMs())
  const second = to === undefined ? { time: Number.POSITIVE_INFINITY } : momentFrom(to, 'diff', epochMs())
  const wal = await openToLook(directory)
  for await (const { id, change } of differences(
    wal,
    await wal.seqAt(first),
    await wal.seqAt(second),
    undefined,
  )) {
    if (json) await printJson({ id, change })
    else await printLine(`${change.padEnd(7)}  ${quote(id, Number.POSITIVE_INFINITY)}`)
  }
  return 0
})
