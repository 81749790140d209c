import { monotonicMs } from '../../clock.ts'
import { shellQuoted } from '../../echo.ts'
import { type Damage, nodeDisk, type RecoveryReport, WalError } from '../../mod.ts'
import { readV1Directory } from '../../v1/mod.ts'
import { type Command, command, type ExitCode, printJson, printLine } from '../command.ts'
import { damageToJson, gapToJson, seqOrNull } from '../json.ts'
import { openToLook } from '../opening.ts'
import { coloursFor, formatBytes, formatDuration, formatQuantity } from '../output.ts'
import { startProgress } from '../progress.ts'
import { defineCommand } from '../spec.ts'
import { damageToText, rangeToText } from '../text.ts'

const spec = defineCommand({
  name: 'verify',
  summary: 'read and check everything in a log and its snapshot',
  details:
    'Never writes, and may run beside a live writer. Exit code 1 if there is damage other than a torn tail. With --json: one line a damage, then one of the ' +
    'whole, {"verified":{…}}.',
  positionals: { directory: { description: 'the directory of the log' } },
  options: { json: { type: 'boolean', description: 'one JSON object a line' } },
})

export const verify: Command = command(spec, async ({ json }, { directory }): Promise<ExitCode> => {
  const found = await read(directory)
  for (const damage of found.damage) await printLine(json ? damageToJson(damage) : damageToText(damage))
  const fine = found.damage.every(({ kind }) => kind === 'torn-tail')
  if (json)
    await printJson({ verified: { ...plain(found.figures), damage: found.damage.length, intact: fine } })
  else await printLine(summary(found.figures, found.damage, fine, directory))
  return fine ? 0 : 1
})

interface Figures {
  readonly format: 'v1' | 'v2'
  readonly records: number
  readonly bytes: number
  readonly durationMs: number
  /** What was recovered of a log of v2. */
  readonly report?: RecoveryReport
}

async function read(directory: string): Promise<{ damage: readonly Damage[]; figures: Figures }> {
  try {
    return await readV2(directory)
  } catch (error) {
    if (!(error instanceof WalError) || error.code !== 'WALV_V1_DIRECTORY') throw error
    return readV1(directory)
  }
}

async function readV2(directory: string): Promise<{ damage: readonly Damage[]; figures: Figures }> {
  using progress = startProgress({ label: 'verifying', unit: 'bytes' })
  const wal = await openToLook(directory, (done) => progress.update(done))
  const { damage, entries, bytes, durationMs } = wal.recovery
  return { damage, figures: { format: 'v2', records: entries, bytes, durationMs, report: wal.recovery } }
}

function plain({ report, durationMs, ...figures }: Figures): object {
  const common = { ...figures, durationMs: Math.round(durationMs) }
  if (report === undefined) return common
  const { segments, lastSeq, transactions, checkpoints, snapshotSeq, closedInOrder } = report
  return {
    ...common,
    segments,
    lastSeq: seqOrNull(lastSeq),
    transactions: { ...transactions, inDoubt: transactions.inDoubt.map(String) },
    checkpoints,
    snapshotSeq: seqOrNull(snapshotSeq),
    gaps: report.gaps.map(gapToJson),
    incompleteTransactions: report.incompleteTransactions.map(String),
    closedInOrder,
  }
}

async function readV1(directory: string): Promise<{ damage: readonly Damage[]; figures: Figures }> {
  const started = monotonicMs()
  const damage: Damage[] = []
  let records = 0
  let bytes = 0
  for await (const { record, damage: found } of readV1Directory(nodeDisk, directory)) {
    if (found) damage.push(found)
    else {
      records++
      bytes += record.payload.length
    }
  }
  return { damage, figures: { format: 'v1', records, bytes, durationMs: monotonicMs() - started } }
}

function summary(
  { format, records, bytes, durationMs, report }: Figures,
  damage: readonly Damage[],
  fine: boolean,
  directory: string,
): string {
  const { bold } = coloursFor(process.stdout)
  const sentences = [
    bold(verdict(damage, fine)),
    `${formatQuantity(records, 'record')} (${formatBytes(bytes)}, format ${format}) read and checked in ${formatDuration(durationMs)}`,
  ]
  if (report?.snapshotSeq !== undefined)
    sentences.push(`The snapshot through record ${report.snapshotSeq} verifies`)
  const gaps = report?.gaps ?? []
  if (gaps.length > 0)
    sentences.push(`Lost before, and recorded by a repair: seq ${gaps.map(rangeToText).join(', ')}`)
  const whatToDo = fine ? '' : `\nWhat to do:\nnpx walv doctor ${shellQuoted(directory)}`
  return `${sentences.join('. ')}.${whatToDo}`
}

function verdict(damage: readonly Damage[], fine: boolean): string {
  const { green, red, yellow } = coloursFor(process.stdout)
  if (fine) return green(damage.length === 0 ? 'Intact' : 'Intact, but for a torn tail')
  if (damage.some(({ acknowledged }) => acknowledged)) return red('Damaged: acknowledged records are lost')
  if (damage.some(({ acknowledged }) => acknowledged === null))
    return red('Damaged: acknowledged records may be lost')
  return yellow('Damaged, but no record is lost')
}
