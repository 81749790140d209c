import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { shellQuoted } from '../echo.ts'
import type { Damage } from '../entry.ts'
import type { WalErrorCode } from '../errors.ts'
import { segmentNumber } from '../format/segment.ts'
import type { SnapshotManifest } from '../log/checkpoint/snapshot-manifest.ts'
import { LOCK_FILE, QUARANTINE_FOLDER, SNAPSHOT_FOLDER } from '../log/layout.ts'
import type { Analysis } from '../log/recover/analysis.ts'
import { isForeignSegment, type Move, movesHome, type Placed, placesOf } from './misplaced.ts'

/**
 * What to do. `none`: nothing. `open`: open it as usual. `repair`: `walv repair`. `rename-file`:
 * segments have other names than their own. `move-file`: files are in the way that do not belong
 * here. `replace-link`: links stand where segments should be. `restore-backup`: nothing can be
 * read, and no repair helps. `convert`: it is of format v1. `upgrade`: a newer walv is needed.
 * `check-path`: there is no log.
 */
export interface Remedy {
  readonly kind:
    | 'none'
    | 'open'
    | 'repair'
    | 'rename-file'
    | 'move-file'
    | 'replace-link'
    | 'restore-backup'
    | 'convert'
    | 'upgrade'
    | 'check-path'
  /**
   * What is copied or moved, relative to the directory: by a repair to `quarantine/`, otherwise by
   * the commands in `steps`.
   */
  readonly files: readonly string[]
  /**
   * What to do, one thing after the other, for people. A command stands in a line of its own. Empty
   * if there is nothing to do.
   */
  readonly steps: readonly string[]
  /**
   * Of a repair that begins the log anew: the snapshot that it begins from, within the directory.
   */
  readonly snapshot?: string
}

/** What a remedy is chosen by. */
export interface Illness {
  readonly disk: Disk
  readonly directory: string
  /** What the survey and the snapshots showed. */
  readonly damage: readonly Damage[]
  /** Records that verify and do not decode. */
  readonly undecodable: readonly Damage[]
  readonly analysis: Analysis
  /** Whether a verified snapshot holds the effect of everything that is lost. */
  readonly covered: boolean
  /** The snapshot to begin the log anew from. */
  readonly rescue: SnapshotManifest | undefined
}

/** For a log that this walv can read. */
export async function remedyFor(illness: Illness): Promise<Remedy> {
  const { damage, undecodable, analysis, directory } = illness
  const serious = damage.filter(({ kind }) => kind !== 'torn-tail')
  const needless = await beforeHole(illness)
  const files = [...rewrittenFiles(illness), ...(await badSnapshots(illness))]
  if (damage.some(isForeignSegment)) return foreignSegments(illness)
  if (illness.rescue) return beginAnewFrom(illness, illness.rescue)
  if (analysis.logId === undefined && serious.length > 0) return nothingReadable(directory)
  if (files.length > 0 || damage.some(isPassedOver))
    return { kind: 'repair', files, steps: repairSteps(illness, serious) }
  if (undecodable.length > 0) return { kind: 'restore-backup', files: [], steps: senselessSteps(directory) }
  if (needless.length > 0) return moveNeedless(directory, needless)
  if (serious.some(isStray)) return moveStray(directory, serious.filter(isStray))
  if (serious.length > 0)
    return { kind: 'open', files: [], steps: [...unreadableSteps(serious), CHECKPOINT_STEP] }
  if (damage.length > 0) return { kind: 'open', files: [], steps: ['Nothing. The next opening cuts it.'] }
  return { kind: 'none', files: [], steps: [] }
}

/** For a directory that this walv refuses whole. */
export function remedyForRefusal(code: WalErrorCode, directory: string, damage: readonly Damage[]): Remedy {
  if (code === 'WALV_NOT_FOUND') {
    const steps = ['Check the path.', 'If a new log is to begin here, open it for writing.']
    return { kind: 'check-path', files: [], steps }
  }
  if (code !== 'WALV_V1_DIRECTORY') {
    const steps = [`Use a newer walv:\nnpx walv@latest doctor ${shellQuoted(directory)}`]
    return { kind: 'upgrade', files: [], steps }
  }
  const convert = `npx walv convert ${shellQuoted(directory)} ${shellQuoted(`${directory}-v2`)}`
  const after = 'Use the new directory from then on. The old one stays as it is.'
  const isWhole = damage.every(({ kind, acknowledged }) => kind === 'torn-tail' || acknowledged === false)
  const steps = isWhole
    ? [`Convert it:\n${convert}`, after]
    : [
        'Look for a backup that is whole.',
        `Without one, convert what can be read:\n${convert} --salvage`,
        after,
      ]
  return { kind: 'convert', files: [], steps }
}

/** A file is missing whose records a snapshot holds. */
const isCoveredHole = ({ kind, acknowledged }: Damage): boolean =>
  kind === 'missing-segment' && acknowledged === false

const isPassedOver = ({ kind }: Damage): boolean => kind === 'passed-over'

/** Named like a segment, and no file. */
const isStray = ({ kind, acknowledged }: Damage): boolean => kind === 'foreign' && acknowledged === false

/** Segments that a repair writes anew. */
function rewrittenFiles({ damage, analysis }: Illness): string[] {
  const damaged = new Set(
    damage.filter((each) => each.kind !== 'torn-tail' && !isCoveredHole(each)).map(({ file }) => file),
  )
  return analysis.segments.map(({ name }) => name).filter((name) => damaged.has(name))
}

/** Snapshots that do not verify and of which something is there. */
async function badSnapshots({ disk, directory, damage }: Illness): Promise<string[]> {
  const bad = new Set(damage.filter(({ kind }) => kind === 'snapshot').map(({ file }) => file))
  if (bad.size === 0) return []
  const present = await disk.list(join(directory, SNAPSHOT_FOLDER)).catch(() => [])
  return present.map(({ name }) => `${SNAPSHOT_FOLDER}/${name}`).filter((path) => bad.has(path))
}

const CHECKPOINT_STEP =
  'Start your program, and take a checkpoint: index.checkpoint(). Until then this is told again.'

function repairSteps({ directory, covered }: Illness, damage: readonly Damage[]): string[] {
  const command = `\nnpx walv repair ${shellQuoted(directory)}`
  const steps = unreadableSteps(damage)
  if (damage.every(({ acknowledged }) => acknowledged === false)) {
    steps.push(`It opens as it is. When it suits you, stop its writer and repair it:${command}`)
  } else if (covered) {
    steps.push(`Give up what is lost: an index needs it no more. With the writer stopped:${command}`)
  } else if (damage.some(({ acknowledged }) => acknowledged)) {
    steps.push(
      lostSnapshotStep(damage) ??
        'Look for a backup that has what is lost. If there is one, restore it and stop here.',
      `Without one, give up what is lost. With the writer stopped:${command}`,
      'Then write what is lost again, from where it came.',
    )
  } else {
    steps.push(
      'Find out whether anything is missing behind the last record: compare with a backup, or with where the vectors came from.',
      `Then go on with what is here. With the writer stopped:${command}`,
      'Write again what is missing.',
    )
  }
  return damage.some(({ kind }) => kind === 'snapshot') ? [...steps, LEAVE_QUARANTINE_STEP] : steps
}

function beginAnewFrom({ analysis, directory }: Illness, { checkpoint }: SnapshotManifest): Remedy {
  const { sequenceNumber: through, replayFrom } = checkpoint
  const snapshot = `${SNAPSHOT_FOLDER}/${checkpoint.snapshot!.name}`
  const open = replayFrom > through ? '' : ', and what transactions did that were open then'
  const steps = [
    'Look for the segments that are missing, where the directory was copied from. Put in their place, they make the log whole again.',
    `Without them, begin the log anew from ${snapshot}, which holds everything through record ${through}. What was logged after that is given up${open}. With the writer stopped:\nnpx walv repair ${shellQuoted(directory)}`,
    `Then write again what came after record ${through}, from where it came.`,
  ]
  return { kind: 'repair', files: analysis.segments.map(({ name }) => name), steps, snapshot }
}

/** While the log names a snapshot, its remains in quarantine/ tell that the loss of it is known. */
const LEAVE_QUARANTINE_STEP = 'Take a checkpoint: index.checkpoint(). Until then, leave quarantine/ as it is.'

/** Where the log does not reach back to its beginning, the snapshot is most of what there is. */
function lostSnapshotStep(damage: readonly Damage[]): string | undefined {
  const isBeginning = damage.some(({ kind, seqs }) => kind === 'missing-segment' && seqs[0]?.from === 0)
  const snapshot = damage.find(({ file }) => file.startsWith(`${SNAPSHOT_FOLDER}/`))
  if (!isBeginning || snapshot === undefined) return undefined
  return `Look for a backup of ${snapshot.file}: put in its place, it makes the log whole again. Or for one of all of the directory.`
}

const unreadableSteps = (damage: readonly Damage[]): string[] =>
  damage.some(({ kind }) => kind === 'unreadable')
    ? [
        'Look into the disk (dmesg, SMART), then run this again: what it cannot read now, it may read at another try. If not, go on with a copy of the directory on another disk.',
      ]
    : []

function nothingReadable(directory: string): Remedy {
  const steps = [
    `Keep what is there, under another name:\nmv ${shellQuoted(directory)} ${shellQuoted(`${directory}.lost`)}`,
    'Restore a backup in its place. Without one, build the index anew, from where its vectors came.',
  ]
  return { kind: 'restore-backup', files: [], steps }
}

const senselessSteps = (directory: string): string[] => [
  "Restore a backup, or open it with recovery: 'salvage', which passes over such records. A repair leaves them.",
  `Report this, with what is printed by:\nnpx walv doctor ${shellQuoted(directory)} --json`,
]

/** What stands before a hole that a snapshot covers. */
async function beforeHole({ disk, directory, damage }: Illness): Promise<string[]> {
  const first = segmentNumber(damage.find(isCoveredHole)?.file ?? '')
  if (first === undefined) return []
  const names = (await disk.list(directory)).map(({ name }) => name)
  return names.filter((name) => (segmentNumber(name) ?? first) < first).toSorted()
}

function moveNeedless(directory: string, files: readonly string[]): Remedy {
  const moves = files.map((name) => ({ from: name, to: `${QUARANTINE_FOLDER}/${name}` }))
  const steps = [
    'It opens as it is. When it suits you, stop its writer and move away what stands before the missing file and is needed no more:' +
      `\nmkdir -p ${shellQuoted(join(directory, QUARANTINE_FOLDER))}\n${commands(directory, moves)}`,
  ]
  return { kind: 'move-file', files, steps }
}

function moveStray(directory: string, damage: readonly Damage[]): Remedy {
  const files = damage.map(({ file }) => file)
  const moves = files.map((name) => ({ from: name, to: `${name}.stray` }))
  const steps = [`It opens as it is. Give what is no segment another name:\n${commands(directory, moves)}`]
  return { kind: 'move-file', files, steps }
}

/** For a log that no writer can lock. */
export function moveLock(directory: string): Remedy {
  const files = [LOCK_FILE]
  const moves = [{ from: LOCK_FILE, to: `${LOCK_FILE}.stray` }]
  const steps = [
    `Give what is no lock file another name. The next writer makes a new one:\n${commands(directory, moves)}`,
  ]
  return { kind: 'move-file', files, steps }
}

function replaceLinks(directory: string, files: readonly string[]): Remedy {
  const copies = files
    .map((name) => join(directory, name))
    .flatMap((path) => [
      `cp -L ${shellQuoted(path)} ${shellQuoted(`${path}.target`)}`,
      `mv ${shellQuoted(`${path}.target`)} ${shellQuoted(path)}`,
    ])
  const steps = [
    `Stop the writer, and put what the links lead to in their place:\n${copies.join('\n')}`,
    lookAgain(directory),
  ]
  return { kind: 'replace-link', files, steps }
}

const lookAgain = (directory: string): string => `Look again:\nnpx walv doctor ${shellQuoted(directory)}`

async function foreignSegments({ disk, directory }: Illness): Promise<Remedy> {
  const entries = await disk.list(directory)
  const links = entries.filter(({ name, kind }) => kind === 'link' && segmentNumber(name) !== undefined)
  if (links.length > 0) return replaceLinks(directory, links.map(({ name }) => name).toSorted())
  const names = entries.map(({ name }) => name).toSorted()
  const segments = names.filter((name) => segmentNumber(name) !== undefined)
  const placed = await placesOf(disk, directory, segments)
  const again = lookAgain(directory)
  const logs = filesByLog(placed)
  if (logs.length > 1) {
    const files = logs.slice(1).flat()
    return { kind: 'move-file', files, steps: [...separation(directory, logs), again] }
  }
  const misnamed = placed.filter(({ name, number }) => segmentNumber(name) !== number)
  const moves = commands(directory, movesHome(misnamed, names))
  const steps = [`Stop the writer, and put the names right:\n${moves}`, again]
  return { kind: 'rename-file', files: misnamed.map(({ name }) => name), steps }
}

/** The files of each log, those of the log with the most files first. */
function filesByLog(placed: readonly Placed[]): string[][] {
  const logs = new Map<string, string[]>()
  for (const { logId, name } of placed) logs.set(logId, [...(logs.get(logId) ?? []), name])
  return [...logs.values()].toSorted((one, other) => other.length - one.length)
}

function separation(directory: string, [most, ...others]: readonly string[][]): string[] {
  const moves = others.flat().map((name) => ({ from: name, to: `${OTHER_LOG_FOLDER}/${name}` }))
  return [
    `Find out which of them belongs here; only you can know. One has ${extent(most!)}, another ${others.map(extent).join(', another ')}.`,
    'If it is the first, stop the writer, and move what is not of it away:' +
      `\nmkdir -p ${shellQuoted(join(directory, OTHER_LOG_FOLDER))}\n${commands(directory, moves)}`,
  ]
}

const extent = (names: readonly string[]): string =>
  names.length === 1 ? names[0]! : `${names.length} files, ${names[0]} to ${names.at(-1)}`

/** Where nothing looks. */
const OTHER_LOG_FOLDER = 'other-log'

const commands = (directory: string, moves: readonly Move[]): string =>
  moves
    .map(({ from, to }) => `mv ${shellQuoted(join(directory, from))} ${shellQuoted(join(directory, to))}`)
    .join('\n')
