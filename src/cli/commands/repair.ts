import { type Diagnosis, diagnose, type RecoveryReport, repair as repairLog, WalError } from '../../mod.ts'
import { canAsk, confirm } from '../ask.ts'
import { type Command, command, type ExitCode, printLine } from '../command.ts'
import {
  findingsToText,
  idsToText,
  inside,
  listToText,
  paragraph,
  recordsToText,
  stepsToText,
} from '../diagnosis.ts'
import { repairToJson } from '../json.ts'
import { findLostIds } from '../lost-ids.ts'
import { UNWARNED } from '../opening.ts'
import { startProgress } from '../progress.ts'
import { defineCommand } from '../spec.ts'

const spec = defineCommand({
  name: 'repair',
  summary: 'give up what a log has lost, and write it clean',
  details:
    'Does what doctor proposes where that is a repair: copies every damaged file to quarantine/, then writes it anew with all that verifies, and with a record that ' +
    'says what is gone. Asks first, unless --yes is given. Refuses beside a live writer. Exit code 0 if the log is sound now, 1 if not. With --json: one object, {"repair":{…}}.',
  positionals: { directory: { description: 'the directory of the log' } },
  options: {
    yes: { type: 'boolean', short: 'y', description: 'do not ask' },
    json: { type: 'boolean', description: 'one JSON object' },
  },
})

export const repair: Command = command(spec, async ({ yes, json }, { directory }): Promise<ExitCode> => {
  const before = await examine(directory)
  if (before.remedy.kind !== 'repair') return leaveAlone(before, json)
  if (!yes) needSomebodyToAsk(json)
  if (!json) {
    await printLine(`${findingsToText(before, await findLostIds(before))}\n\n${planToText(before)}`)
    if (!yes && !(await confirm('Repair?'))) {
      await printLine('Nothing was changed.')
      return 1
    }
  }
  const report = await writeClean(directory)
  const after = await examine(directory)
  if (json) await printLine(repairToJson(before, after, report))
  else await printLine(`\n${outcomeToText(before, after, report)}`)
  return isSound(after) ? 0 : 1
})

async function examine(directory: string): Promise<Diagnosis> {
  using progress = startProgress({ label: 'examining', unit: 'bytes' })
  return await diagnose({ directory, onProgress: (done) => progress.update(done) })
}

/** Nothing refuses it, and no repair would change that. */
const isSound = ({ refusal, remedy }: Diagnosis): boolean => refusal === undefined && remedy.kind !== 'repair'

async function leaveAlone(diagnosis: Diagnosis, json: boolean): Promise<ExitCode> {
  const sound = diagnosis.verdict === 'healthy' || diagnosis.verdict === 'torn-tail'
  if (json) await printLine(repairToJson(diagnosis, diagnosis, undefined))
  else {
    const answer = `${sound ? 'There is nothing to repair.' : 'A repair cannot help here.'} Nothing was changed.`
    const steps = sound ? '' : stepsToText(diagnosis.remedy.steps)
    const parts = [findingsToText(diagnosis, await findLostIds(diagnosis)), answer, steps]
    await printLine(parts.filter((part) => part !== '').join('\n\n'))
  }
  return sound ? 0 : 1
}

function needSomebodyToAsk(json: boolean): void {
  if (!json && canAsk()) return
  const why = json
    ? 'With --json nobody is asked.'
    : 'A repair asks first, and here is no terminal to ask on.'
  throw new WalError(
    'WALV_USAGE',
    `${why} Nothing was changed. See what it would do with \`walv doctor\`, then add --yes.`,
  )
}

/**
 * Opening repairs, under the lock. Every checkpoint is kept: how many its owner keeps is not known
 * here.
 * @throws WALV_LOCKED
 */
async function writeClean(directory: string): Promise<RecoveryReport> {
  using progress = startProgress({ label: 'repairing', unit: 'bytes' })
  return await repairLog({ directory, ...UNWARNED, onProgress: (done) => progress.update(done) })
}

function planToText({ remedy, losses }: Diagnosis): string {
  const snapshots = remedy.files.filter(isSnapshot)
  const segments = remedy.files.filter((file) => !isSnapshot(file))
  const sentences: string[] = []
  if (remedy.snapshot !== undefined) {
    const moved = segments.length > 0 ? ` It moves ${listToText(segments)} to quarantine/.` : ''
    return paragraph(`The repair begins the log anew from ${remedy.snapshot}.${moved}`)
  }
  if (segments.length > 0) {
    const them = segments.length === 1 ? 'it' : 'them'
    sentences.push(
      `copies ${listToText(segments)} to quarantine/ and writes ${them} anew with all that verifies.`,
    )
  }
  if (snapshots.length > 0) sentences.push(`moves ${listToText(snapshots)} to quarantine/.`)
  if (losses.length > 0) sentences.push('gives up what is lost, and notes that in the log.')
  return paragraph(`The repair ${sentences.join(' It ')}`)
}

function outcomeToText(before: Diagnosis, after: Diagnosis, { damage, quarantined }: RecoveryReport): string {
  const lost = damage.filter(({ acknowledged }) => acknowledged === true)
  const ids = [...new Set(lost.flatMap((each) => each.ids))]
  const sentences = [after.refusal ? 'Repaired, but it is still refused.' : 'Repaired.']
  const begun = begunAnew(before, after)
  if (begun !== undefined)
    sentences.push(
      `The log begins anew from ${begun.snapshot}.`,
      `What was logged after record ${begun.through} is given up.`,
    )
  else if (lost.length > 0) sentences.push(`Given up: ${recordsToText(lost.flatMap(({ seqs }) => seqs))}.`)
  if (ids.length > 0)
    sentences.push(`${ids.length === 1 ? 'The id' : 'The ids'} that could be read: ${idsToText(ids)}.`)
  // Beside a log that begins anew what was whole is put aside, too.
  const what = begun === undefined ? 'damaged' : 'moved away'
  if (quarantined.length > 0)
    sentences.push(`What was ${what} is kept: ${listToText(inside(before, quarantined))}.`)
  const steps = [...after.remedy.steps, 'Start your program as usual.']
  if (begun !== undefined)
    steps.push(`Write again what came after record ${begun.through}, from where it came.`)
  steps.push(...stepsAfter(before))
  if (quarantined.length > 0) steps.push('When all is well, you may empty quarantine/.')
  return `${paragraph(sentences.join(' '))}\n\n${stepsToText(steps)}`
}

/** From which snapshot the log was begun anew, and through which record that holds everything. */
function begunAnew(
  { remedy: { snapshot } }: Diagnosis,
  { recoverable }: Diagnosis,
): { readonly snapshot: string; readonly through: number } | undefined {
  const through = recoverable?.snapshotSeq
  return snapshot === undefined || through === undefined ? undefined : { snapshot, through }
}

function stepsAfter(before: Diagnosis): string[] {
  const steps: string[] = []
  if (before.verdict === 'possible-loss') steps.push('Write again what turns out to be missing.')
  else if (!isCovered(before)) steps.push('Write what is lost again, from where it came.')
  if (before.remedy.files.some(isSnapshot)) steps.push(CHECKPOINT_STEP)
  return steps
}

const CHECKPOINT_STEP = 'Take a checkpoint: index.checkpoint(). Until then, leave quarantine/ as it is.'

/** Of the files of a repair, segments have plain names. */
const isSnapshot = (file: string): boolean => file.includes('/')

/** Whether the snapshot holds what all lost records did. */
const isCovered = ({ losses }: Diagnosis): boolean =>
  losses.every(({ unsure, gone }) => unsure.length + gone.length === 0)
