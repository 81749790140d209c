import { predictedBy } from '../../index/durable/recovery-cost.ts'
import { OPENINGS } from '../../index/durable/recovery-forecast.ts'
import type { BatchMember, IndexIdentity, JsonValue, Wal, WalEntry } from '../../mod.ts'
import { type Command, command, type ExitCode, printJson, printLine } from '../command.ts'
import { seqOrNull } from '../json.ts'
import { countVectors } from '../live-ids.ts'
import { lookAgain, openToLook, type SnapshotFolders, snapshotsIn } from '../opening.ts'
import { formatBytes, formatCount, formatDuration, formatQuantity, table } from '../output.ts'
import { defineCommand } from '../spec.ts'
import { cut, escapeControls, quote } from '../text.ts'

const spec = defineCommand({
  name: 'stats',
  summary: 'show the figures of a log',
  details:
    'Of format v2. Never writes, and may run beside a live writer. Exit code 1 if there is damage other than a torn tail.',
  positionals: { directory: { description: 'the directory of the log' } },
  options: { json: { type: 'boolean', description: 'one JSON object' } },
})

export const stats: Command = command(spec, async ({ json }, { directory }): Promise<ExitCode> => {
  let exitCode: ExitCode = 0
  for await (const figures of lookAgain(() => figuresOf(directory))) {
    if (json) await printJson(plain(figures))
    else await printLine(table(rowsOf(figures)))
    if (figures.wal.recovery.damage.some(({ kind }) => kind !== 'torn-tail')) exitCode = 1
  }
  return exitCode
})

async function* figuresOf(directory: string): AsyncGenerator<Figures, void, void> {
  const wal = await openToLook(directory)
  const counts = await countRecords(wal)
  yield { wal, ...counts, vectors: await countVectors(wal), snapshots: await snapshotsIn(directory) }
}

interface Figures {
  readonly wal: Wal
  /** How many records of each kind. */
  readonly kinds: Readonly<Record<string, number>>
  readonly ids: number
  /** Undefined where the snapshot is no index's. */
  readonly vectors: number | undefined
  readonly snapshots: SnapshotFolders
}

function plain({ wal, kinds, ids, vectors, snapshots }: Figures): object {
  const { firstSeq, lastSeq, durableSeq, segments, bytes, checkpoints } = wal.stats()
  const { entries, bytes: usedBytes, transactions, damage, closedInOrder, index } = wal.recovery
  const checkpoint = wal.lastCheckpoint
  return {
    vectors: vectors ?? null,
    index: index ?? null,
    firstSeq: entries === 0 ? null : seqOrNull(firstSeq),
    lastSeq: seqOrNull(lastSeq),
    durableSeq: seqOrNull(durableSeq),
    segments,
    bytes,
    usedBytes,
    entries,
    kinds,
    ids,
    transactions: { ...transactions, inDoubt: transactions.inDoubt.map(String) },
    checkpoints,
    lastCheckpoint: seqOrNull(checkpoint?.sequenceNumber),
    snapshots,
    info: checkpoint?.snapshot?.info ?? null,
    estimatedRecoveryMs: estimateOf(wal) ?? null,
    damage: damage.length,
    closedInOrder,
  }
}

/** What opening the index would take, where it was kept to a budget and so told of its openings. */
function estimateOf({ lastCheckpoint, lastSeq, recovery }: Wal): number | undefined {
  const snapshot = lastCheckpoint?.snapshot
  if (snapshot == null) return undefined
  const info = snapshot.info as { readonly [OPENINGS]?: JsonValue; readonly size?: JsonValue } | null
  const estimate = predictedBy(info?.[OPENINGS], {
    logBytes: recovery.bytes,
    snapshotBytes: snapshot.files.reduce((sum, { bytes }) => sum + bytes, 0),
    snapshotVectors: Number(info?.size ?? 0),
    // Nearly: a batch is one record, and the markers of transactions are some more.
    changes: lastSeq - lastCheckpoint!.sequenceNumber,
  })
  return estimate && Math.round(estimate)
}

function rowsOf({ wal, kinds, ids, vectors, snapshots }: Figures): string[][] {
  const { firstSeq, lastSeq, durableSeq, segments, bytes, checkpoints } = wal.stats()
  const { entries, bytes: usedBytes, transactions, damage, closedInOrder, index } = wal.recovery
  const checkpoint = wal.lastCheckpoint
  const held = `${snapshots.count} (${formatBytes(snapshots.bytes)})`
  return [
    ...(vectors === undefined ? [] : [['vectors', [formatCount(vectors), ...shapeOf(index)].join(' ')]]),
    ['records', entries === 0 ? 'none' : `${formatCount(entries)} (${firstSeq} to ${lastSeq})`],
    ...Object.entries(kinds).map(([kind, number]) => [`  ${kind}`, formatCount(number)]),
    ['durable through', seqOrNull(durableSeq) ?? 'nothing yet'],
    ['distinct ids in them', formatCount(ids)],
    [
      'transactions',
      `${transactions.committed} committed, ${transactions.aborted} aborted, ${transactions.inDoubt.length} in doubt`,
    ],
    ['segments', `${segments} (${formatBytes(bytes)} on disk, ${formatBytes(usedBytes)} of records)`],
    [
      'checkpoints',
      checkpoint ? `${checkpoints}, the last through record ${checkpoint.sequenceNumber}` : 'none',
    ],
    ['snapshots', snapshots.count === 0 ? 'none' : held],
    ...(checkpoint?.snapshot
      ? [['  the last says', escapeControls(cut(JSON.stringify(checkpoint.snapshot.info), 50))]]
      : []),
    ...estimateRow(wal),
    ['closed in order', closedInOrder ? 'yes' : 'no'],
    ['damage', damage.length === 0 ? 'none' : `${formatQuantity(damage.length, 'place')}; see walv verify`],
  ]
}

function estimateRow(wal: Wal): string[][] {
  const estimate = estimateOf(wal)
  return estimate === undefined ? [] : [['opening takes', `about ${formatDuration(estimate)}`]]
}

const shapeOf = (index: IndexIdentity | undefined): string[] =>
  index === undefined
    ? []
    : [
        `of ${formatQuantity(index.dimensions, 'dimension')}, metric ${index.metric}`,
        ...(index.model === undefined ? [] : [`(model ${quote(index.model)})`]),
      ]

async function countRecords(wal: Wal): Promise<{ kinds: Record<string, number>; ids: number }> {
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
