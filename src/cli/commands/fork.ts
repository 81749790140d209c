import { epochMs, monotonicMs } from '../../clock.ts'
import { fork as forkLog } from '../../index/durable/time/fork.ts'
import { Wal, WalError } from '../../mod.ts'
import { type Command, command, type ExitCode, printJson, printLine } from '../command.ts'
import { seqOrNull } from '../json.ts'
import { momentFrom } from '../log-selection.ts'
import { formatDuration, formatQuantity } from '../output.ts'
import { defineCommand } from '../spec.ts'

const spec = defineCommand({
  name: 'fork',
  summary: 'begin a new index with what another was at a moment',
  details:
    'The files of the snapshot before the moment are shared where the file system can, and what was changed since is written again. ' +
    'A moment is the number of a record, right after which it is, or a time: 2026-11-30T10:45:00Z, or 15m, 2h, 7d ago. ' +
    'Writes nothing into the first directory, and may run beside a live writer.',
  positionals: {
    directory: { description: 'the directory of the log' },
    target: { description: 'the new directory' },
  },
  options: {
    at: { type: 'string', placeholder: 'MOMENT', description: 'the moment; default: now' },
    json: { type: 'boolean', description: 'one JSON object' },
  },
})

export const fork: Command = command(spec, async ({ at, json }, { directory, target }): Promise<ExitCode> => {
  const started = monotonicMs()
  const moment = at === undefined ? { time: Number.POSITIVE_INFINITY } : momentFrom(at, 'fork', epochMs())
  const wal = await Wal.open({ directory, readOnly: true })
  const identity = wal.recovery.index
  if (identity === undefined)
    throw new WalError('WALV_NOT_FOUND', `There is no index in ${directory}. Check the path.`)
  const { seq, replayed } = await forkLog(wal, identity, target, await wal.seqAt(moment), undefined)
  const durationMs = Math.round(monotonicMs() - started)
  if (json) await printJson({ fork: { directory: target, seq: seqOrNull(seq), replayed, durationMs } })
  else
    await printLine(
      `${target} begins with what ${directory} was after record ${seq}: ${formatQuantity(replayed, 'change')} written again, in ${formatDuration(durationMs)}.`,
    )
  return 0
})
