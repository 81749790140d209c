import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { DiskFile, SimulatedDisk } from '../support/kit.ts'
import { diskWith, picture, SECTOR, sectors } from './disk-pictures.ts'

const SEEDS = Array.from({ length: 40 }, (_, seed) => seed)

async function slowDisk(
  seed: number,
  files: Record<string, string> = { '/f': '.' },
): Promise<[SimulatedDisk, DiskFile]> {
  const disk = await diskWith(files, { seed, maxLatencyTurns: 4 })
  return [disk, await disk.open('/f', 'write')]
}

/**
 * Writes four letters to one place at once; tells the order in which they took effect, and the one
 * in which they were answered.
 */
async function race(seed: number): Promise<{ effects: string; answers: string; left: string }> {
  const [disk, file] = await slowDisk(seed)
  let answers = ''
  // A write of n sectors, the first of which all write to, so that the trace tells which it was.
  const write = async (letter: string, count: number): Promise<void> => {
    await file.write(sectors(letter.repeat(count)), 0)
    answers += letter
  }
  const from = disk.ops.length
  await Promise.all(['a', 'b', 'c', 'd'].map((letter, at) => write(letter, at + 1)))
  const effects = disk.ops.slice(from).map(({ bytes }) => 'abcd'[bytes! / SECTOR - 1])
  return { effects: effects.join(''), answers, left: (await picture(disk, '/f'))[0]! }
}

test('operations called at once take effect and are answered in orders that the seed decides', async () => {
  const races = await Promise.all(SEEDS.map(race))
  assert.deepEqual(races, await Promise.all(SEEDS.map(race)))
  assert.ok(new Set(races.map(({ effects }) => effects)).size > 10)
  assert.ok(new Set(races.map(({ answers }) => answers)).size > 10)
  assert.ok(races.some(({ effects, answers }) => effects !== answers))
  for (const { effects, left } of races) assert.equal(left, effects.at(-1), 'the last to take effect stays')
})

test('without latency they take effect in the order of the calls', async () => {
  const disk = await diskWith({ '/f': '.' })
  const file = await disk.open('/f', 'write')
  await Promise.all([...'abc'].map((letter) => file.write(sectors(letter), 0)))
  assert.equal(await picture(disk, '/f'), 'c')
})

test('what is awaited has taken effect before what is called next', async () => {
  for (const seed of SEEDS) {
    const [disk, file] = await slowDisk(seed)
    for (const letter of 'abcd') await file.write(sectors(letter), 0)
    assert.equal(await picture(disk, '/f'), 'd')
  }
})

test('operations are numbered as they take effect', async () => {
  for (const seed of SEEDS) {
    const [disk, file] = await slowDisk(seed)
    const told: number[] = []
    disk.onOperation = ({ number }) => {
      told.push(number)
      return undefined
    }
    const from = disk.ops.length
    await Promise.all([file.size(), file.sync(), disk.list('/'), file.read(Buffer.alloc(1), 0)])
    assert.deepEqual(told, [from, from + 1, from + 2, from + 3])
    assert.deepEqual(
      disk.ops.map(({ number }) => number),
      Array.from(disk.ops, (_, at) => at),
    )
  }
})

test('a sync does not cover a write that was under way when it was called, even if it takes effect behind it', async () => {
  let behind = 0
  for (const seed of SEEDS) {
    const [disk, file] = await slowDisk(seed, { '/f': 'a' })
    await Promise.all([file.write(sectors('b'), 0), file.sync()])
    if (disk.ops.at(-1)!.kind === 'sync') behind++
    assert.equal(await picture(disk.crash('nothing'), '/f'), 'a')
    await file.sync()
    assert.equal(await picture(disk.crash('nothing'), '/f'), 'b')
  }
  assert.ok(behind > 0 && behind < SEEDS.length, `${behind}`)
})

test('a file is closed when what is under way on it is done', async () => {
  for (const seed of SEEDS) {
    const [disk, file] = await slowDisk(seed)
    const done: string[] = []
    await Promise.all([
      file.write(sectors('a'), 0).then(() => done.push('write')),
      file.close().then(() => done.push('close')),
    ])
    assert.deepEqual(done, ['write', 'close'])
    assert.equal(await picture(disk, '/f'), 'a')
    await assert.rejects(file.write(sectors('b'), 0), { code: 'EBADF' })
  }
})

test('when the machine stops, nobody learns any more of what was under way, whether it had taken effect or not', async () => {
  const left = new Set<string>()
  for (const seed of SEEDS) {
    const [disk, file] = await slowDisk(seed, { '/f': 'a' })
    const [write] = await Promise.allSettled([
      file.write(sectors('b'), 0),
      setImmediate().then(() => disk.stop()),
    ])
    left.add(`${write.status} ${await picture(disk.kill(), '/f')}`)
  }
  assert.deepEqual([...left].sort(), ['fulfilled b', 'rejected a', 'rejected b'])
})

test('what a crash or a kill leaves is as slow', async () => {
  const [disk] = await slowDisk(1)
  for (const next of [disk.kill(), disk.crash('nothing')]) assert.equal(next.maxLatencyTurns, 4)
})
