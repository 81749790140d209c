/**
 * What storage does to the files of a log in the course of time, and what its directory then holds.
 */
import { basename } from 'node:path'
import type { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import type { Random } from '../../src/testing/random.ts'
import { DIRECTORY } from './workload.ts'

const QUARANTINE = `${DIRECTORY}/quarantine`
const SECTOR_BYTES = 512

/** Contents of the files that were put aside. */
export async function quarantined(disk: SimulatedDisk): Promise<Buffer[]> {
  const entries = await disk
    .kill()
    .list(QUARANTINE)
    .catch(() => [])
  const files = entries.filter(({ kind }) => kind === 'file')
  return Promise.all(files.map(({ name }) => contentOf(disk, `${QUARANTINE}/${name}`)))
}

/** Contents of the segments of other names than these. */
export async function segmentsBut(disk: SimulatedDisk, names: readonly string[]): Promise<Buffer[]> {
  const paths = (await segments(disk)).filter((path) => !names.includes(basename(path)))
  return Promise.all(paths.map((path) => contentOf(disk, path)))
}

/** What a file holds, without an operation. */
export async function contentOf(disk: SimulatedDisk, path: string): Promise<Buffer> {
  const file = await disk.kill().open(path, 'read')
  const content = Buffer.alloc(await file.size())
  await file.read(content, 0)
  return content
}

/** One thing that storage does to one file, without an operation. */
export async function rot(disk: SimulatedDisk, random: Random): Promise<void> {
  const path = random.pick(await segments(disk))
  const usedBytes = await usedBytesOf(disk, path)
  const sectors = Math.ceil(usedBytes / SECTOR_BYTES)
  switch (random.below(4)) {
    case 0:
      return disk.flipBit(path, random.below(usedBytes), random.below(8))
    case 1:
      return disk.flipBit(path, random.below(2 * SECTOR_BYTES), random.below(8))
    case 2:
      return disk.zeroSector(path, random.below(sectors))
    default:
      return disk.swapSectors(path, random.below(sectors), path, random.below(sectors))
  }
}

/**
 * The same, or a file is gone or cut. One that vanishes from the end is not noticed; see
 * docs/durability.md.
 */
export async function rotOrRemove(disk: SimulatedDisk, random: Random): Promise<void> {
  const paths = await segments(disk)
  if (random.chance(0.3) && paths.length > 1) {
    await disk.remove(paths[random.below(paths.length - 1)]!)
    await disk.syncDirectory(DIRECTORY)
  } else if (random.chance(0.3)) {
    const path = random.pick(paths)
    const usedBytes = await usedBytesOf(disk, path)
    const file = await disk.open(path, 'write')
    await file.truncate(random.below(usedBytes))
    await file.sync()
    await file.close()
  } else await rot(disk, random)
}

async function segments(disk: SimulatedDisk): Promise<string[]> {
  const names = (await disk.kill().list(DIRECTORY))
    .map(({ name }) => name)
    .filter((name) => name.endsWith('.walv'))
  return names.sort().map((name) => `${DIRECTORY}/${name}`)
}

const usedBytesOf = async (disk: SimulatedDisk, path: string): Promise<number> =>
  (await contentOf(disk, path)).findLastIndex((byte) => byte !== 0) + 1
