/** A diagnosis in plain words. */
import { relative } from 'node:path'
import type { Damage, Diagnosis, Loss, Recoverable, SequenceRange } from '../mod.ts'
import { wrap } from './help.ts'
import type { LostId, LostIds } from './lost-ids.ts'
import { type Colours, coloursFor, formatBytes, formatQuantity } from './output.ts'
import { escapeControls, quote, rangeToText, shorten } from './text.ts'

const MAX_COLUMNS = 100
const MAX_PLACES = 20
const MAX_IDS = 5
const MAX_RANGES = 5
const MAX_LISTED = 5

/** What is wrong: the verdict, each place, what is left. Without what to do. */
export function findingsToText(diagnosis: Diagnosis, lostIds: LostIds): string {
  const paragraphs = [
    headline(diagnosis),
    ...places(diagnosis, lostIds),
    leftovers(diagnosis),
    ...diagnosis.stuckCursors.map(({ problem }) => paragraph(problem!)),
    writerToText(diagnosis),
  ]
  return nonEmpty(paragraphs).join('\n\n')
}

const nonEmpty = (parts: readonly string[]): string[] => parts.filter((part) => part !== '')

/** What to do, in numbered steps. Commands stand alone, so that they can be copied. */
export function stepsToText(steps: readonly string[]): string {
  if (steps.length === 0) return ''
  const number = (index: number): string => (steps.length > 1 ? `${index + 1}. ` : '')
  const items = steps.map((step, index) => {
    const [sentence, ...commands] = step.split('\n')
    return [
      item(number(index), sentence!),
      ...commands.map((command) => `     ${escapeControls(command)}`),
    ].join('\n')
  })
  return ['What to do:', ...items].join('\n')
}

function headline(diagnosis: Diagnosis): string {
  const { verdict, remedy, refusal, directory } = diagnosis
  const colours = coloursFor(process.stdout)
  const say = (colour: keyof Colours, text: string): string => colours.bold(colours[colour](text))
  const where = escapeControls(directory)
  if (remedy.kind === 'rename-file') return say('red', 'Segments of the log are under wrong names.')
  if (remedy.kind === 'replace-link') return say('red', 'Links stand where segments of the log should be.')
  if (isTwoLogs(diagnosis)) return say('red', 'Segments of more than one log are in this directory.')
  if (refusal?.code === 'WALV_NOT_A_FILE') return say('red', 'No writer can open this log: LOCK is no file.')
  if (remedy.kind === 'restore-backup' && diagnosis.recoverable?.records === 0)
    return say('red', 'Nothing of this log can be read any more.')
  if (remedy.kind === 'check-path') return say('red', `There is no log in ${where}.`)
  if (remedy.kind === 'convert') return say('yellow', 'This is a log of format v1. It has to be converted.')
  if (remedy.kind === 'upgrade') return say('yellow', 'This log needs a newer walv.')
  switch (verdict) {
    case 'healthy':
      return say('green', 'Healthy.')
    case 'torn-tail':
      return say('green', 'Healthy, but for a torn tail: what a crash leaves.')
    case 'damaged':
      return say('yellow', 'Damaged, but nothing that was acknowledged is lost.')
    case 'possible-loss':
      return say('red', 'Records that were acknowledged may be lost. It cannot be known.')
    default:
      return say('red', 'Records that were acknowledged are lost.')
  }
}

const isTwoLogs = ({ remedy, refusal }: Diagnosis): boolean =>
  remedy.kind === 'move-file' && refusal?.code === 'WALV_DAMAGED'

function places(diagnosis: Diagnosis, lostIds: LostIds): string[] {
  const { damage, losses, refusal, remedy } = diagnosis
  if (remedy.kind === 'upgrade') return [paragraph(refusal!.message.replace(/ Use a newer walv\.$/, ''))]
  if (isTwoLogs(diagnosis)) return []
  const fate = remedy.kind === 'rename-file' ? MISPLACED : commonFate(diagnosis)
  const items = losses.map((loss) => lossToText(loss, fate === undefined, lostIds.get(loss) ?? []))
  const told = new Set(losses.map((loss) => loss.damage))
  const others = damage.filter((each) => !told.has(each) && !contradicted(each, damage)).map(damageToSentence)
  const lost = [itemsToText(items), losses.length > 0 && fate ? paragraph(fate) : '']
  return [nonEmpty(lost).join('\n'), itemsToText([...new Set(others)])]
}

const MISPLACED = 'They may be in the files under wrong names.'

function itemsToText(items: readonly string[]): string {
  const shown = items.slice(0, MAX_PLACES).map((text) => item('- ', text))
  const more = items.length - MAX_PLACES
  if (more > 0) shown.push(`- and ${formatQuantity(more, 'place')} more; --json has all`)
  return shown.join('\n')
}

/**
 * Where nothing can be verified for want of a header, a tail that does not verify means nothing.
 */
const contradicted = ({ kind, file }: Damage, damage: readonly Damage[]): boolean =>
  kind === 'torn-tail' &&
  damage.some(
    (other) => other.file === file && other.kind === 'segment-header' && other.acknowledged === null,
  )

function damageToSentence({ kind, file, offset, detail }: Damage): string {
  // What to do about it, the remedy says better.
  if (kind === 'foreign') return `${detail.split('. ')[0]!.replace(/\.$/, '')}.`
  // v1 tells the place apart.
  return detail.includes(file) || kind === 'snapshot' || kind === 'missing-segment'
    ? detail
    : `${file} at byte ${offset}: ${detail}`
}

type Fate = 'kept' | 'gone'

/** Whether the snapshot has all of it, or nothing. */
function fateOf({ inSnapshot, unsure, gone }: Loss): Fate | undefined {
  if (unsure.length + gone.length === 0) return 'kept'
  return unsure.length + inSnapshot.length === 0 ? 'gone' : undefined
}

/** What holds of all losses alike is said once. */
function commonFate({ losses, recoverable, remedy }: Diagnosis): string | undefined {
  const fates = new Set(losses.map(fateOf))
  if (fates.size !== 1) return undefined
  const they = isOne(losses.flatMap(({ damage }) => damage.seqs)) ? 'it' : 'they'
  const seq = remedy.snapshot === undefined ? recoverable?.snapshotSeq : Number(remedy.snapshot.slice(-16))
  if (fates.has('kept'))
    return `What ${they} did is in the snapshot through record ${seq}: an index loses nothing.`
  if (!fates.has('gone')) return undefined
  const why =
    seq === undefined ? 'there is no snapshot that holds it' : `the snapshot through record ${seq} is older`
  return `What ${they} did is gone: ${why}.`
}

const isOne = (ranges: readonly SequenceRange[]): boolean =>
  ranges.length === 1 && ranges[0]!.from === ranges[0]!.through

function lossToText(loss: Loss, tellsFate: boolean, ids: readonly LostId[]): string {
  const { damage } = loss
  const one = isOne(damage.seqs)
  const sentences = [capitalized(`${recordsToText(damage.seqs)}, ${placeToText(damage, one)}.`)]
  if (damage.ids.length > 0) sentences.push(readableIdsToText(damage.ids, one, ids))
  if (tellsFate) sentences.push(ownFateToText(loss, one))
  return sentences.join(' ')
}

/** `record 3`, `records 3 to 4, 8`. */
export const recordsToText = (ranges: readonly SequenceRange[]): string =>
  `${isOne(ranges) ? 'record' : 'records'} ${rangesToText(ranges)}`

function placeToText({ kind, file, offset, bytes, seqs }: Damage, one: boolean): string {
  if (kind === 'missing-segment' && file.includes('/')) return 'as not one segment of the log is there'
  if (kind === 'missing-segment' && Number(seqs[0]?.from) === 0)
    return `the beginning of the log: the file with ${one ? 'it' : 'them'} is gone, and no snapshot that verifies holds what came before ${file}`
  if (kind === 'passed-over') return `passed over by an earlier opening with 'salvage', as ${file} notes`
  if (kind === 'missing-segment') return `with the file before ${file}, which is missing`
  const place = `in ${file} at byte ${offset}`
  if (kind === 'unreadable') return `${place}: the disk cannot read ${one ? 'it' : 'them'} now`
  return bytes === 0
    ? `${place}: missing there`
    : `${place}: ${formatBytes(bytes)} there ${bytes === 1 ? 'is' : 'are'} damaged`
}

function readableIdsToText(ids: readonly string[], one: boolean, found: readonly LostId[]): string {
  const what =
    ids.length > 1 ? 'Ids in them that can be read:' : one ? 'Its id reads' : 'One id in them can be read:'
  const places = ids.length === 1 ? found.map((each) => `; ${whereaboutsToText(each, 'it')}`) : []
  const others =
    ids.length > 1 ? found.slice(0, MAX_IDS).map((each) => `${whereaboutsToText(each, quote(each.id))}.`) : []
  return [`${what} ${idsToText(ids)}${places.join('')}.`, ...others.map(capitalized)].join(' ')
}

/** At most five, in quotes. */
export const idsToText = (ids: readonly string[]): string =>
  shorten(
    ids.slice(0, MAX_IDS).map((id) => quote(id)),
    MAX_IDS,
    ids.length,
  )

function ownFateToText(loss: Loss, one: boolean): string {
  const { inSnapshot, unsure, gone } = loss
  const parts: string[] = []
  const whole = [inSnapshot, unsure, gone].filter((ranges) => ranges.length > 0).length === 1
  const what = (ranges: readonly SequenceRange[]): string =>
    whole ? (one ? 'it' : 'they') : recordsToText(ranges)
  if (inSnapshot.length > 0) parts.push(`the snapshot holds what ${what(inSnapshot)} did`)
  if (unsure.length > 0)
    parts.push(
      `the snapshot holds what ${what(unsure)} did, unless that was in a transaction still open then`,
    )
  if (gone.length > 0) parts.push(`what ${what(gone)} did is gone`)
  return capitalized(`${parts.join('; ')}.`)
}

const rangesToText = (ranges: readonly SequenceRange[]): string =>
  shorten(ranges.map(rangeToText), MAX_RANGES)

function whereaboutsToText({ older, newer }: LostId, name: string): string {
  const parts: string[] = []
  if (older !== undefined)
    parts.push(`${older === 'snapshot' ? 'the snapshot' : `record ${older}`} has an older version of ${name}`)
  if (newer) parts.push(`record ${newer.seq} ${newerToText(newer.type, parts.length > 0 ? 'it' : name)}`)
  return parts.length > 0 ? parts.join(', and ') : `${name} is nowhere else`
}

function newerToText(type: 'insert' | 'update' | 'delete', name: string): string {
  if (type === 'delete') return `deletes ${name}`
  return `${type === 'insert' ? 'inserts' : 'changes'} ${name} again`
}

/** What opening would find. */
function leftovers(diagnosis: Diagnosis): string {
  const { recoverable, remedy, verdict, losses } = diagnosis
  if (recoverable === undefined || remedy.kind === 'restore-backup' || isTwoLogs(diagnosis)) return ''
  const { snapshotSeq, gaps, inDoubt, incompleteTransactions: incomplete, closedInOrder } = recoverable
  const sentences = [recordsLeftToText(recoverable, losses.length > 0)]
  if (snapshotSeq !== undefined && (losses.length === 0 || commonFate(diagnosis) === undefined))
    sentences.push(snapshotToText(diagnosis, snapshotSeq))
  if (gaps.length > 0) sentences.push(`An earlier repair gave up ${recordsToText(gaps)}.`)
  if (inDoubt.length === 1) sentences.push(`Transaction ${inDoubt[0]} is prepared and waits for a decision.`)
  if (inDoubt.length > 1) {
    const ids = shorten(inDoubt.map(String), MAX_RANGES)
    sentences.push(`${inDoubt.length} transactions are prepared and wait for a decision: ${ids}.`)
  }
  if (incomplete.length === 1)
    sentences.push(
      `Transaction ${incomplete[0]} takes no effect: records between its begin and its end are lost.`,
    )
  if (incomplete.length > 1) {
    const ids = shorten(incomplete.map(String), MAX_RANGES)
    sentences.push(
      `${incomplete.length} transactions take no effect, for records between their begin and their end are lost: ${ids}.`,
    )
  }
  if (verdict === 'healthy' && closedInOrder) sentences.push('It was closed in order.')
  return paragraph(sentences.join(' '))
}

function snapshotToText({ snapshotProved }: Diagnosis, seq: number): string {
  const unknown = snapshotProved
    ? ''
    : ' Its content was not loaded: another program knows it. Its hashes are right.'
  return `The snapshot through record ${seq} verifies.${unknown}`
}

function recordsLeftToText({ records, firstSeq, lastSeq }: Recoverable, areOthersLost: boolean): string {
  if (records === 0) return 'No record is in it.'
  if (areOthersLost) {
    const others = formatQuantity(records, 'other record')
    return `${others} ${records === 1 ? 'verifies' : 'verify'}; the log ends with record ${lastSeq}.`
  }
  if (records === 1) return `Record ${lastSeq} verifies.`
  return `${formatQuantity(records, 'record')} verify, ${rangeToText({ from: firstSeq, through: lastSeq })}.`
}

function writerToText({ writer }: Diagnosis): string {
  if (writer === undefined) return ''
  const who = `process ${writer.pid} on ${writer.host}`
  const since = `since ${writer.startedAt}`
  if (writer.alive === true) return paragraph(`It seems to be open for writing now, in ${who}, ${since}.`)
  if (writer.alive === false) return paragraph(`Its last writer, ${who}, ended without closing it.`)
  return paragraph(`It is open for writing in ${who}, ${since}, or that writer ended without closing it.`)
}

const capitalized = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}`

/** `a`, `a and b`, `a, b and c`; of more than a few, how many more there are. */
export function listToText(parts: readonly string[]): string {
  if (parts.length > MAX_LISTED) return shorten(parts, MAX_LISTED)
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`
}

/** Paths as they are within the directory of the log. */
export const inside = ({ directory }: Diagnosis, paths: readonly string[]): string[] =>
  paths.map((path) => relative(directory, path))

export const paragraph = (text: string): string => wrap(escapeControls(text), MAX_COLUMNS).join('\n')

/** A paragraph behind a mark, indented like its first line. */
const item = (mark: string, text: string): string =>
  mark + wrap(escapeControls(text), MAX_COLUMNS - mark.length).join(`\n${' '.repeat(mark.length)}`)
