/** A simulated disk as text, for tests that compare what is on it. */
import assert from 'node:assert/strict'
import { type DiskFile, readFully, writeFully } from '../../src/disk/disk.ts'
import { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import type { SimulatedDiskOptions } from '../../src/testing/disk/simulated-disk-options.ts'

export const SECTOR = 512

/** Whole sectors, each filled with one letter. */
export const sectors = (letters: string): Buffer =>
  Buffer.concat([...letters].map((letter) => Buffer.alloc(SECTOR, letter)))

export async function put(
  disk: SimulatedDisk,
  path: string,
  content: Uint8Array | string,
): Promise<DiskFile> {
  const file = await disk.open(path, 'create')
  await writeFully(file, typeof content === 'string' ? sectors(content) : content, 0)
  return file
}

/** A disk whose root holds synced files. */
export async function diskWith(
  files: Record<string, string>,
  options: SimulatedDiskOptions = {},
): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk(options)
  for (const [path, content] of Object.entries(files)) {
    const file = await put(disk, path, content)
    await file.sync()
    await file.close()
  }
  await disk.syncDirectory('/')
  return disk
}

export async function bytesOf(disk: SimulatedDisk, path: string): Promise<Buffer> {
  const file = await disk.open(path, 'read')
  const buffer = Buffer.alloc(await file.size())
  assert.equal(await readFully(file, buffer, 0), buffer.length)
  await file.close()
  return buffer
}

/**
 * A file as one letter a sector, `.` for zeros, `?` for a mixture, with the size behind it if that
 * is no whole number of sectors.
 */
export async function picture(disk: SimulatedDisk, path: string): Promise<string> {
  const bytes = await bytesOf(disk, path)
  let letters = ''
  for (let at = 0; at < bytes.length; at += SECTOR) {
    const values = new Set(bytes.subarray(at, at + SECTOR))
    const [value] = values
    letters += values.size > 1 ? '?' : value === 0 ? '.' : String.fromCharCode(value!)
  }
  return bytes.length % SECTOR === 0 ? letters : `${letters} ${bytes.length}`
}

/** All files and directories of a disk on one line, sorted. */
export async function tree(disk: SimulatedDisk, directory = ''): Promise<string> {
  const lines: string[] = []
  for (const { name, kind } of await disk.list(directory || '/')) {
    const path = `${directory}/${name}`
    if (kind === 'file') lines.push(`${path}=${await picture(disk, path)}`)
    else lines.push(`${path}/`, await tree(disk, path))
  }
  return lines.filter(Boolean).sort().join(' ')
}

/** Everything that a power cut may leave now, each outcome once, sorted. */
export async function outcomes(disk: SimulatedDisk, limit = 1000): Promise<string[]> {
  const found = new Set<string>()
  let states = 0
  for (const state of disk.crashStates(limit)) {
    states++
    found.add(await tree(state.disk))
  }
  assert.ok(states < limit, 'all states were to be enumerated')
  return [...found].sort()
}
