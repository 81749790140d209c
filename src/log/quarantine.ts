import { basename, dirname, join } from 'node:path'
import { ensureDirectory, ignoreMissing, listFolder } from '../disk/directories.ts'
import { type Disk, type DiskEntry, writeFully } from '../disk/disk.ts'
import { changeNames, TEMPORARY_SUFFIX } from '../disk/names.ts'
import { readAround } from '../disk/read-around.ts'
import { QUARANTINE_FOLDER } from './layout.ts'

const PIECE_BYTES = 1024 * 1024

/**
 * Moves a file or folder of a log to `quarantine/`, where it can still be looked at; durable when
 * this resolves. Where it cannot be renamed, as `quarantine/` is on another file system, it is
 * copied, the copy is synced and compared, and only then it is removed. `gone` is told when nothing
 * is under its old name any more, also if that is not durable yet.
 * @returns its new path; undefined if it is not there
 */
export async function moveToQuarantine(
  disk: Disk,
  directory: string,
  name: string,
  gone: () => void = () => {},
): Promise<string | undefined> {
  const from = join(directory, name)
  const found = (await listFolder(disk, dirname(from))).find((entry) => entry.name === basename(from))
  if (found === undefined) return undefined
  const folder = await quarantineIn(disk, directory)
  const target = await freePath(disk, folder, basename(from))
  try {
    await changeNames(disk, dirname(from), async () => {
      await disk.rename(from, target)
      gone()
      await disk.syncDirectory(folder)
    })
  } catch (error) {
    // Also what an overlay file system says of a folder of a layer below.
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error
    await copyInto(disk, from, target, found.kind)
    if (!(await isSame(disk, from, target, found.kind)))
      throw Object.assign(new Error(`EIO: ${target} is not what ${from} is`), { code: 'EIO' })
    await changeNames(disk, dirname(from), async () => {
      await disk.remove(from)
      gone()
    })
  }
  return target
}

/**
 * Copies a file of a log to `quarantine/`, durably and whole or not at all. Where an earlier
 * attempt left a copy of the same, that is the one.
 * @returns its path
 */
export async function copyToQuarantine(disk: Disk, directory: string, name: string): Promise<string> {
  const folder = await quarantineIn(disk, directory)
  await disk.remove(join(folder, name + TEMPORARY_SUFFIX)).catch(ignoreMissing)
  const files = (await disk.list(folder)).filter(({ kind }) => kind === 'file')
  const present = files.map((entry) => entry.name).toSorted()
  for (const candidate of present.filter((other) => other === name || other.startsWith(`${name}.`))) {
    const path = join(folder, candidate)
    if (!(await haveSameContent(disk, join(directory, name), path))) continue
    // Whoever made it may not have got to that.
    await disk.syncDirectory(folder)
    return path
  }
  const target = await freePath(disk, folder, name)
  await copyInto(disk, join(directory, name), target, 'file')
  return target
}

async function quarantineIn(disk: Disk, directory: string): Promise<string> {
  const folder = join(directory, QUARANTINE_FOLDER)
  await ensureDirectory(disk, folder)
  return folder
}

const freePath = async (disk: Disk, folder: string, name: string): Promise<string> =>
  join(folder, freeName(name, new Set((await disk.list(folder)).map((entry) => entry.name))))

/** `name`, or `name.1`, `name.2` … if that is taken. */
export function freeName(name: string, taken: ReadonlySet<string>): string {
  let candidate = name
  for (let count = 1; taken.has(candidate); count++) candidate = `${name}.${count}`
  return candidate
}

/** A copy under a temporary name, compared with what it is of, then renamed; durable. */
async function copyInto(disk: Disk, from: string, target: string, kind: DiskEntry['kind']): Promise<void> {
  const temporary = join(dirname(target), basename(from) + TEMPORARY_SUFFIX)
  await disk.remove(temporary).catch(ignoreMissing)
  try {
    await copy(disk, from, temporary, kind)
    await disk.rename(temporary, target)
    await disk.syncDirectory(dirname(target))
  } catch (error) {
    // A failed directory sync leaves it open under which name the copy is: both go.
    await disk.remove(temporary).catch(() => {})
    await disk.remove(target).catch(() => {})
    throw error
  }
}

async function copy(disk: Disk, from: string, to: string, kind: DiskEntry['kind']): Promise<void> {
  if (kind !== 'directory') return copyFile(disk, from, to)
  await disk.makeDirectory(to)
  for (const entry of await disk.list(from))
    await copy(disk, join(from, entry.name), join(to, entry.name), entry.kind)
  await disk.syncDirectory(to)
}

async function copyFile(disk: Disk, from: string, to: string): Promise<void> {
  const target = await disk.open(to, 'create')
  try {
    let at = 0
    for await (const piece of piecesOf(disk, from)) {
      await writeFully(target, piece, at)
      at += piece.length
    }
    await target.sync()
  } finally {
    await target.close()
  }
}

async function isSame(disk: Disk, one: string, other: string, kind: DiskEntry['kind']): Promise<boolean> {
  if (kind !== 'directory') return haveSameContent(disk, one, other)
  for (const entry of await disk.list(one))
    if (!(await isSame(disk, join(one, entry.name), join(other, entry.name), entry.kind))) return false
  return true
}

async function haveSameContent(disk: Disk, one: string, other: string): Promise<boolean> {
  const others = piecesOf(disk, other)
  try {
    for await (const piece of piecesOf(disk, one)) {
      // Never undefined: the pieces before were equal, and only a last one is short.
      const { value } = await others.next()
      if (!piece.equals(value!)) return false
    }
    return true
  } finally {
    await others.return(undefined)
  }
}

/**
 * A file in pieces of 1 MiB, each with memory of its own. The last one is shorter, and may be
 * empty.
 */
async function* piecesOf(disk: Disk, path: string): AsyncGenerator<Buffer, undefined, void> {
  const file = await disk.open(path, 'read')
  try {
    let count = PIECE_BYTES
    for (let at = 0; count === PIECE_BYTES; at += PIECE_BYTES) {
      const buffer = Buffer.allocUnsafe(PIECE_BYTES)
      count = (await readAround(file, buffer, at)).count
      yield buffer.subarray(0, count)
    }
  } finally {
    await file.close()
  }
}
