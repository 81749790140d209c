import { type CursorStatus, Wal, WalError } from '../../mod.ts'
import { type Command, command, type ExitCode, printJson, printLine } from '../command.ts'
import { seqOrNull } from '../json.ts'
import { openToLook } from '../opening.ts'
import { formatBytes, formatQuantity, table } from '../output.ts'
import { defineCommand } from '../spec.ts'

const spec = defineCommand({
  name: 'cursors',
  summary: 'show how far the named readers of a log are, or drop one',
  details:
    'A cursor is how far somebody has come who reads the log under a name. Segments are kept for it up to its maximum. ' +
    'Dropping one ends that: its reader has to begin anew. Nothing else is written, beside a live writer too. ' +
    'Exit code 1 if one of them cannot go on, and where the one to be dropped is not there. --json prints one object a line.',
  positionals: { directory: { description: 'the directory of the log' } },
  options: {
    json: { type: 'boolean', description: 'one JSON object a line' },
    drop: { type: 'string', placeholder: 'NAME', description: 'remove the cursor of that name' },
  },
})

export const cursors: Command = command(spec, async ({ json, drop }, { directory }): Promise<ExitCode> => {
  if (drop !== undefined) return dropOne(directory, drop, json)
  await using wal = await openToLook(directory)
  const found = await wal.cursors()
  if (json) for (const each of found) await printJson({ cursor: plain(each) })
  else await printLine(found.length === 0 ? `There is no cursor in ${directory}.` : textOf(found))
  return found.some(({ problem }) => problem !== undefined) ? 1 : 0
})

async function dropOne(directory: string, name: string, json: boolean): Promise<ExitCode> {
  await using wal = await Wal.open({ directory, follow: true, recovery: 'salvage' })
  if (!(await wal.dropCursor(name)))
    throw new WalError('WALV_NOT_FOUND', `There is no cursor ${name} in ${directory}. Nothing was changed.`)
  if (json) await printJson({ dropped: name })
  else await printLine(`The cursor ${name} is dropped. The next checkpoint lets go of what it alone needed.`)
  return 0
}

const plain = ({ position, problem, ...figures }: CursorStatus): object => ({
  ...figures,
  position: position === undefined ? null : seqOrNull(position),
  problem: problem ?? null,
})

function textOf(found: readonly CursorStatus[]): string {
  const rows = found.map(({ name, position, recordsBehind, bytesBehind, heldBytes, maxHeldBytes }) => [
    name,
    position === undefined ? 'damaged' : `through ${seqOrNull(position) ?? 'nothing yet'}`,
    `${formatQuantity(recordsBehind, 'record')} behind (${formatBytes(bytesBehind)})`,
    `${formatBytes(heldBytes)} of ${formatBytes(maxHeldBytes)} kept for it alone`,
  ])
  const problems = found.flatMap(({ problem }) => (problem === undefined ? [] : ['', problem]))
  return [table(rows), ...problems].join('\n')
}
