import { Wal, WalError } from '../../mod.ts'
import { type Command, command, type ExitCode, printLine } from '../command.ts'
import { recordToJson } from '../json.ts'
import { defineCommand } from '../spec.ts'
import { recordToText } from '../text.ts'

const spec = defineCommand({
  name: 'tail',
  summary: 'print what takes effect in a log, as it does',
  details:
    'Follows the log beside its writer, and whoever writes it after that: prints what is durable, in order, a transaction at its commit, until it is interrupted. ' +
    'Never writes. --json prints the same lines as walv log --committed --json.',
  positionals: { directory: { description: 'the directory of the log' } },
  options: {
    json: { type: 'boolean', description: 'one JSON object a line' },
    from: {
      type: 'integer',
      placeholder: 'SEQ',
      description: 'the first record; by default the next one that comes',
    },
  },
})

export const tail: Command = command(spec, async ({ json, from }, { directory }): Promise<ExitCode> => {
  await using wal = await Wal.open({ directory, follow: true, recovery: 'salvage' })
  if (wal.stats().segments === 0 && wal.recovery.damage.length === 0)
    throw new WalError('WALV_NOT_FOUND', `There is no log in ${directory}. Check the path.`, {
      file: directory,
    })
  const units = wal.tail({ from: from ?? wal.lastSeq + 1 })
  for await (const { entries, transactionId, ...place } of units)
    for (const entry of entries) {
      const record = { ...place, entry, ...(transactionId !== undefined && { transactionId }) }
      await printLine(json ? recordToJson(record) : recordToText(record))
    }
  return 0
})
