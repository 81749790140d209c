import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../src/testing/random.ts'
import type { SimulatedDisk } from '../../src/testing/simulated-disk.ts'
import { checkRepaired, checkRotten, makeLog, type Original } from './rot.ts'

const SECTOR = 512
const FLIPS = Number(process.env.WALV_ROT_FLIPS ?? 600)

/** Every sector in use, and one behind. */
const sectorsOf = ({ files }: Original): { path: string; sector: number }[] =>
  files.flatMap(({ path, usedBytes }) =>
    Array.from({ length: Math.ceil(usedBytes / SECTOR) + 1 }, (_, sector) => ({ path, sector })),
  )

async function each(
  original: Original,
  name: string,
  rot: (disk: SimulatedDisk) => Promise<void> | void,
): Promise<'whole' | 'loss'> {
  const disk = original.disk.kill()
  await rot(disk)
  try {
    const outcome = await checkRotten(disk, original)
    if (outcome === 'loss') await checkRepaired(disk)
    return outcome
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).stack}`)
  }
}

test('a flipped bit anywhere is harmless or a named loss', async () => {
  const original = await makeLog()
  const random = new Random(1)
  const outcomes = { whole: 0, loss: 0 }
  for (let flip = 0; flip < FLIPS; flip++) {
    const { path, usedBytes } = random.pick(original.files)
    const offset = random.chance(0.3) ? random.below(2_048) : random.below(usedBytes)
    const bit = random.below(8)
    outcomes[await each(original, `${path} at ${offset}, bit ${bit}`, (disk) => disk.flipBit(path, offset, bit))]++
  }
  assert.ok(outcomes.loss > FLIPS / 4 && outcomes.whole > 0, JSON.stringify(outcomes))
})

test('a zeroed sector anywhere is harmless or a named loss', async () => {
  const original = await makeLog()
  for (const { path, sector } of sectorsOf(original)) {
    await each(original, `${path} sector ${sector}`, (disk) => disk.zeroSector(path, sector))
  }
})

test('two exchanged sectors are harmless or a named loss', async () => {
  const original = await makeLog()
  const random = new Random(2)
  const sectors = sectorsOf(original)
  const last = sectors.slice(-16)
  const pairs = last.flatMap((one, index) => last.slice(index + 1).map((other) => [one, other] as const))
  for (let count = 0; count < 300; count++) pairs.push([random.pick(sectors), random.pick(sectors)])
  for (const [one, other] of pairs) {
    await each(original, `${one.path} ${one.sector} and ${other.path} ${other.sector}`, (disk) =>
      disk.swapSectors(one.path, one.sector, other.path, other.sector),
    )
  }
})

test('a file cut anywhere is noticed', async () => {
  const original = await makeLog()
  const random = new Random(3)
  for (const { path, usedBytes } of original.files) {
    const lengths = [0, 1, 511, 512, 1_023, 1_024, 1_025, usedBytes - 1, usedBytes, usedBytes + 1]
    for (let count = 0; count < 80; count++) lengths.push(random.below(usedBytes))
    for (const length of lengths) {
      await each(original, `${path} cut to ${length}`, async (disk) => {
        const file = await disk.open(path, 'write')
        await file.truncate(length)
        await file.close()
      })
    }
  }
})
