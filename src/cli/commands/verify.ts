import { type Damage, nodeDisk, type RecoveryReport, Wal, WalError } from '../../mod.ts'
import { readV1Directory } from '../../v1.ts'
import { defineCommand } from '../args.ts'
import { type Command, command, type ExitCode, printJson, printLine } from '../command.ts'
import { damageToJson } from '../json.ts'
import { coloursFor, formatBytes, formatDuration, formatQuantity } from '../output.ts'
import { startProgress } from '../progress.ts'
import { damageToText } from '../text.ts'

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
  const lost = found.damage.some(({ acknowledged }) => acknowledged !== false)
  if (json) await printJson({ verified: { ...found.figures, damage: found.damage.length, intact: fine } })
  else await printLine(summary(found.figures, fine, lost))
  return fine ? 0 : 1
})

interface Figures {
  readonly format: 'v1' | 'v2'
  readonly records: number
  readonly bytes: number
  readonly durationMs: number
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
  const wal = await Wal.open({
    directory,
    readOnly: true,
    recovery: 'salvage',
    onProgress: (done) => progress.update(done),
  })
  const report = wal.recovery
  return { damage: report.damage, figures: { format: 'v2', records: report.entries, ...figuresOf(report) } }
}

function figuresOf({
  bytes,
  durationMs,
  segments,
  lastSeq,
  transactions,
  checkpoints,
  snapshotSeq,
  gaps,
  closedInOrder,
}: RecoveryReport) {
  return {
    bytes,
    durationMs: Math.round(durationMs),
    segments,
    lastSeq,
    transactions,
    checkpoints,
    snapshotSeq: snapshotSeq ?? null,
    gaps,
    closedInOrder,
  }
}

async function readV1(directory: string): Promise<{ damage: readonly Damage[]; figures: Figures }> {
  const started = performance.now()
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
  return { damage, figures: { format: 'v1', records, bytes, durationMs: Math.round(performance.now() - started) } }
}

function summary({ format, records, bytes, durationMs }: Figures, fine: boolean, lost: boolean): string {
  const { green, red, yellow, bold } = coloursFor(process.stdout)
  const verdict = fine
    ? green('intact')
    : lost
      ? red('acknowledged records are lost, or may be')
      : yellow('damaged, no record is lost')
  return `${bold(verdict)}: ${formatQuantity(records, 'record')} (${formatBytes(bytes)}, format ${format}) read and checked in ${formatDuration(durationMs)}`
}
