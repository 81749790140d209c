import { type Version, versionsOf } from '../../index/durable/time/history.ts'
import { WalError } from '../../mod.ts'
import { type Command, command, type ExitCode, printJson, printLine } from '../command.ts'
import { floatsToBytes } from '../floats.ts'
import { openToLook } from '../opening.ts'
import { defineCommand } from '../spec.ts'
import { quote, recordToText } from '../text.ts'

const spec = defineCommand({
  name: 'history',
  summary: 'print every version of an id that is kept',
  details:
    'Oldest first, each with the record that made it, as far back as the log and its snapshots go. Where the id was there before that, the first ' +
    'version is the one that is kept. Never writes, and may run beside a live writer. Exit code 1 if nothing is known of the id.',
  positionals: {
    directory: { description: 'the directory of the log' },
    id: { description: 'the id' },
  },
  options: { json: { type: 'boolean', description: 'one JSON object a line' } },
})

export const history: Command = command(spec, async ({ json }, { directory, id }): Promise<ExitCode> => {
  const wal = await openToLook(directory)
  let isKnown = false
  for await (const version of versionsOf(wal, id, undefined)) {
    isKnown = true
    if (json) await printJson(versionToJson(version))
    else await printLine(versionToText(id, version))
  }
  if (!isKnown)
    throw new WalError('WALV_NOT_FOUND', `There is no ${quote(id)} in what is kept of ${directory}.`, { id })
  return 0
})

const versionToJson = ({
  seq,
  timestamp,
  type,
  transactionId,
  origin,
  vector,
  metadata,
}: Version): object => ({
  seq: String(seq),
  type,
  vector: vector ? Buffer.from(floatsToBytes(vector)).toString('base64') : null,
  metadata: metadata ?? null,
  ...(transactionId !== undefined && { transactionId: String(transactionId) }),
  ...(origin && { origin: { ...origin, number: String(origin.number) } }),
  timestamp: String(timestamp),
})

/** As `walv log` shows a record. */
function versionToText(
  id: string,
  { seq, timestamp, type, transactionId, origin, vector, metadata }: Version,
): string {
  const entry =
    type === 'delete'
      ? ({ type, id } as const)
      : ({ type: type === 'update' ? type : 'insert', id, vector: vector!, metadata: metadata! } as const)
  const place = {
    seq,
    timestamp,
    ...(transactionId !== undefined && { transactionId }),
    ...(origin && { origin }),
  }
  const text = recordToText({ ...place, entry })
  return type === 'kept' ? text.replace('  insert ', '  kept ') : text
}
