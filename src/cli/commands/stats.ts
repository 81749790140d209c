import { Wal } from '../../mod.ts'
import { defineCommand } from '../args.ts'
import { type Command, command, type ExitCode, printJson, printLine } from '../command.ts'
import { formatBytes, formatCount, table } from '../output.ts'

const spec = defineCommand({
  name: 'stats',
  summary: 'show the figures of a log',
  details: 'Never writes, and may run beside a live writer.',
  positionals: { directory: { description: 'the directory of the log' } },
  options: { json: { type: 'boolean', description: 'one JSON object' } },
})

export const stats: Command = command(spec, async ({ json }, { directory }): Promise<ExitCode> => {
  const wal = await Wal.open({ directory, readOnly: true, recovery: 'salvage' })
  const { firstSeq, lastSeq, durableSeq, segments, bytes, checkpoints } = wal.stats()
  const { entries, bytes: usedBytes, transactions, damage, closedInOrder } = wal.recovery
  const { kinds, ids } = await count(wal)
  const checkpoint = wal.lastCheckpoint
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
    return 0
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
    ['damage', damage.length === 0 ? 'none' : `${damage.length} places; see walv verify`],
  ]
  await printLine(table(rows))
  return 0
})

async function count(wal: Wal): Promise<{ kinds: Record<string, number>; ids: number }> {
  const kinds: Record<string, number> = {}
  const ids = new Set<string>()
  for await (const { entry } of wal.read()) {
    kinds[entry.type] = (kinds[entry.type] ?? 0) + 1
    if ('id' in entry) ids.add(entry.id)
  }
  return { kinds, ids: ids.size }
}
