import type { BatchMember, Wal, WalEntry } from '../../mod.ts'
import { defineCommand } from '../args.ts'
import { type Command, command, type ExitCode, printJson, printLine } from '../command.ts'
import { openToLook } from '../opening.ts'
import { formatBytes, formatCount, formatQuantity, table } from '../output.ts'

const spec = defineCommand({
  name: 'stats',
  summary: 'show the figures of a log',
  details:
    'Of format v2. Never writes, and may run beside a live writer. Exit code 1 if there is damage other than a torn tail.',
  positionals: { directory: { description: 'the directory of the log' } },
  options: { json: { type: 'boolean', description: 'one JSON object' } },
})

export const stats: Command = command(spec, async ({ json }, { directory }): Promise<ExitCode> => {
  const wal = await openToLook(directory)
  const { firstSeq, lastSeq, durableSeq, segments, bytes, checkpoints } = wal.stats()
  const { entries, bytes: usedBytes, transactions, damage, closedInOrder } = wal.recovery
  const { kinds, ids } = await count(wal)
  const checkpoint = wal.lastCheckpoint
  const exitCode = damage.every(({ kind }) => kind === 'torn-tail') ? 0 : 1
  if (json) {
    const figures = {
      firstSeq,
      lastSeq,
      durableSeq,
      segments,
      bytes,
      usedBytes,
      entries,
      kinds,
      ids,
      transactions,
      checkpoints,
    }
    await printJson({
      ...figures,
      lastCheckpoint: checkpoint?.sequenceNumber ?? null,
      info: checkpoint?.snapshot?.info ?? null,
      damage: damage.length,
      closedInOrder,
    })
    return exitCode
  }
  const rows: [string, string][] = [
    [
      'records',
      entries === 0
        ? 'none'
        : `${formatCount(entries)} (${firstSeq} to ${lastSeq}; promised durable through ${durableSeq})`,
    ],
    ...Object.entries(kinds).map(([kind, number]): [string, string] => [`  ${kind}`, formatCount(number)]),
    ['distinct ids in them', formatCount(ids)],
    [
      'transactions',
      `${transactions.committed} committed, ${transactions.aborted} aborted, ${transactions.inDoubt.length} in doubt`,
    ],
    ['segments', `${segments} (${formatBytes(bytes)} on disk, ${formatBytes(usedBytes)} of records)`],
    ['checkpoints', checkpoint ? `${checkpoints}, the last through record ${checkpoint.sequenceNumber}` : 'none'],
    ['snapshot', checkpoint?.snapshot ? JSON.stringify(checkpoint.snapshot.info) : 'none'],
    ['closed in order', closedInOrder ? 'yes' : 'no'],
    ['damage', damage.length === 0 ? 'none' : `${formatQuantity(damage.length, 'place')}; see walv verify`],
  ]
  await printLine(table(rows))
  return exitCode
})

async function count(wal: Wal): Promise<{ kinds: Record<string, number>; ids: number }> {
  const kinds: Record<string, number> = {}
  const ids = new Set<string>()
  for await (const { entry } of wal.read()) {
    kinds[entry.type] = (kinds[entry.type] ?? 0) + 1
    for (const id of idsIn(entry)) ids.add(id)
  }
  return { kinds, ids: ids.size }
}

function* idsIn(entry: WalEntry | BatchMember): Generator<string, void, void> {
  if (entry.type === 'batch') for (const member of entry.entries) yield* idsIn(member)
  else if ('id' in entry) yield entry.id
}
