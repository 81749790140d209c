import { join } from 'node:path'
import { ensureDirectory, listFolder } from '../../disk/directories.ts'
import { type Disk, readFully } from '../../disk/disk.ts'
import { changeNames } from '../../disk/names.ts'
import { writeWhole } from '../../disk/whole-file.ts'
import type { Damage, SequenceRange } from '../../entry.ts'
import { damageIn } from '../damage.ts'
import { QUARANTINE_FOLDER } from '../layout.ts'
import { freeName } from '../quarantine.ts'

/**
 * What an opening with `'salvage'` passed over, in `quarantine/loss-N.json`: N is where the log
 * ended then. It stays on record there when the damaged file is long gone, until somebody accepts
 * it: by a repair, which renames the note, or by removing the note.
 */
export interface LossNote {
  /**
   * Where the log ended when the loss was passed over: a snapshot that reaches so far was made
   * without what is lost.
   */
  readonly endSeq: number
  readonly losses: readonly Damage[]
}

const NOTE_NAME = /^loss-(\d{16})(?:\.\d+)?\.json$/
/** What is larger is none of walv's. */
const MAX_NOTE_BYTES = 64 * 1024 * 1024

/** Whether somebody has to know of it: acknowledged records are lost, or may be. */
export const isLoss = ({ acknowledged }: Damage): boolean => acknowledged !== false

/** The notes that nobody has accepted. One that cannot be read tells that much. */
export async function readLossNotes(disk: Disk, directory: string): Promise<LossNote[]> {
  const names = (await listFolder(disk, join(directory, QUARANTINE_FOLDER)))
    .map(({ name }) => name)
    .toSorted()
  const notes: LossNote[] = []
  for (const name of names) {
    const endSeq = Number(NOTE_NAME.exec(name)?.[1] ?? Number.NaN)
    if (Number.isNaN(endSeq)) continue
    const file = `${QUARANTINE_FOLDER}/${name}`
    const losses = (await readLosses(disk, join(directory, file))) ?? [unreadable]
    notes.push({ endSeq, losses: losses.map((loss) => passedOver(loss, file)) })
  }
  return notes
}

const unreadable: Pick<Damage, 'acknowledged' | 'seqs' | 'ids' | 'detail'> = {
  acknowledged: null,
  seqs: [],
  ids: [],
  detail: 'what it was cannot be read any more.',
}

function passedOver({ acknowledged, seqs, ids, detail }: typeof unreadable, file: string): Damage {
  const told = `An opening with 'salvage' passed over a loss that nobody has accepted yet: ${detail}`
  return damageIn({ kind: 'passed-over', file, acknowledged, seqs, ids, detail: told })
}

async function readLosses(disk: Disk, path: string): Promise<Damage[] | undefined> {
  const file = await disk.open(path, 'read').catch(() => undefined)
  if (file === undefined) return undefined
  try {
    const bytes = await file.size()
    if (bytes > MAX_NOTE_BYTES) return undefined
    const content = Buffer.alloc(bytes)
    const text = content.toString('utf8', 0, await readFully(file, content, 0))
    const { losses } = JSON.parse(text) as { losses: Damage[] }
    return losses.every(isPlausible) ? losses : undefined
  } catch {
    return undefined
  } finally {
    await file.close()
  }
}

const isPlausible = ({ acknowledged, seqs, ids, detail }: Damage): boolean =>
  (acknowledged === true || acknowledged === null) &&
  seqs.every(({ from, through }) => Number.isSafeInteger(from) && Number.isSafeInteger(through)) &&
  ids.every((id) => typeof id === 'string') &&
  typeof detail === 'string'

/** Notes what is passed over, durably: before anything that tells of it may be let go of. */
export async function noteLosses(disk: Disk, directory: string, { endSeq, losses }: LossNote): Promise<void> {
  const folder = join(directory, QUARANTINE_FOLDER)
  await ensureDirectory(disk, folder)
  const stems = (await disk.list(folder)).map(({ name }) => name.replace(/(\.accepted)?\.json$/, ''))
  const path = join(folder, `${freeName(`loss-${String(endSeq).padStart(16, '0')}`, new Set(stems))}.json`)
  await writeWhole(disk, path, Buffer.from(`${JSON.stringify({ losses }, null, 2)}\n`))
}

/** Somebody knows now: the notes stay, under a name that asks for nothing. */
export async function acceptLosses(disk: Disk, directory: string): Promise<void> {
  const folder = join(directory, QUARANTINE_FOLDER)
  const names = (await listFolder(disk, folder))
    .map(({ name }) => name)
    .filter((name) => NOTE_NAME.test(name))
  if (names.length === 0) return
  await changeNames(disk, folder, async () => {
    for (const name of names)
      await disk.rename(join(folder, name), join(folder, name.replace(/\.json$/, '.accepted.json')))
  })
}

/**
 * Whether everything that a loss tells of is told by some of `others`: its ranges, or, without any,
 * a loss of the same place.
 */
export function isTold(loss: Damage, others: readonly Damage[]): boolean {
  if (loss.seqs.length === 0)
    return others.some(({ detail }) => loss.detail.endsWith(detail) || detail.endsWith(loss.detail))
  return loss.seqs.every((range) => others.some(({ seqs }) => seqs.some((other) => holds(other, range))))
}

const holds = (one: SequenceRange, other: SequenceRange): boolean =>
  one.from <= other.from && one.through! >= other.through!
