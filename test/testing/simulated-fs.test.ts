import assert from 'node:assert/strict'
import * as nodeFs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { Random, SimulatedDisk, type SimulatedFs, simulatedFs } from '../support/kit.ts'

/**
 * Few names, so that operations meet; `f/a` goes through what is mostly a file, `d/e/f` through
 * what is mostly not there.
 */
const PATHS = ['d', 'f', 'g', 'd/f', 'd/e', 'd/e/f', 'f/a']
const FLAGS = ['r', 'r+', 'w', 'w+', 'wx', 'wx+', 'a', 'a+', 'ax', 'ax+']

/** Does one thing that the same random numbers decide; resolves to what it was and how it went. */
async function step(fs: SimulatedFs, root: string, random: Random): Promise<string> {
  const [path, other] = [random.pick(PATHS), random.pick(PATHS)]
  const [at, to] = [join(root, path), join(root, other)]
  const data = random.chance(0.5)
    ? 'é'.repeat(random.below(900))
    : Buffer.alloc(random.below(3000), random.below(256))
  const flag = random.pick(FLAGS)
  const recursive = random.chance(0.5)
  const operations: [string, () => Promise<unknown>][] = [
    [`writeFile ${path}`, () => fs.writeFile(at, data)],
    [
      `writeFile ${path} ${flag} and sync`,
      () => fs.writeFile(at, data, { flag, flush: true } as { flag: string }),
    ],
    [`appendFile ${path}`, () => fs.appendFile(at, data)],
    [`writeFile ${path} in base64`, () => fs.writeFile(at, 'AbCd', 'base64')],
    [`readFile ${path}`, async () => crc32(await fs.readFile(at))],
    [`readFile ${path} as text`, async () => crc32(await fs.readFile(at, { encoding: 'utf8' }))],
    [`rename ${path} ${other}`, () => fs.rename(at, to)],
    [`unlink ${path}`, () => fs.unlink(at)],
    [`rm ${path} ${recursive}`, () => fs.rm(at, { recursive, force: random.chance(0.5) })],
    [`mkdir ${path} ${recursive}`, async () => (await fs.mkdir(at, { recursive }))?.slice(root.length)],
    [`readdir ${path}`, async () => (await fs.readdir(at)).sort()],
    [`stat ${path}`, () => statOf(fs, at)],
    [`handle ${path} ${flag}`, () => useHandle(fs, at, flag, random)],
  ]
  const [what, work] = random.pick(operations)
  try {
    return `${what}: ${JSON.stringify(await work())}`
  } catch (error) {
    return `${what}: ${(error as NodeJS.ErrnoException).code}`
  }
}

async function statOf(fs: SimulatedFs, path: string): Promise<unknown> {
  const stat = await fs.stat(path)
  return [stat.isFile(), stat.isDirectory(), stat.isFile() && stat.size]
}

/**
 * Some calls on one handle. Reading what is open to be written is refused by the system, which no
 * program that saves relies on.
 */
async function useHandle(fs: SimulatedFs, path: string, flag: string, random: Random): Promise<unknown[]> {
  const handle = await fs.open(path, flag)
  const results: unknown[] = []
  const mayRead = flag === 'r' || flag.includes('+')
  try {
    for (let call = 0; call < 4; call++) {
      const work = random.pick([
        () => handle.writeFile('one'),
        () => handle.appendFile(Buffer.from('two')),
        async () => (await handle.write('drei')).bytesWritten,
        async () => (mayRead ? crc32(await handle.readFile()) : undefined),
        () => handle.truncate(random.below(50)),
        () => handle.sync(),
        () => handle.datasync(),
      ])
      results.push(await work().catch((error: NodeJS.ErrnoException) => error.code))
    }
  } finally {
    await handle.close()
  }
  return results
}

async function treeOf(fs: SimulatedFs, path: string): Promise<unknown> {
  if ((await fs.stat(path)).isFile()) return (await fs.readFile(path)).toString('hex')
  const names = (await fs.readdir(path)).sort()
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await treeOf(fs, join(path, name))])),
  )
}

test('without crashes, its calls do and answer what those of node:fs/promises do, error codes included', async () => {
  const met = new Set<string>()
  for (let seed = 0; seed < 40; seed++) {
    const root = await nodeFs.mkdtemp(join(tmpdir(), 'walv-fs-'))
    const simulated = simulatedFs(new SimulatedDisk({ seed }))
    await simulated.mkdir('/disk')
    const randoms = [new Random(seed), new Random(seed)] as const
    try {
      for (let count = 0; count < 80; count++) {
        const expected = await step(nodeFs, root, randoms[0])
        assert.equal(await step(simulated, '/disk', randoms[1]), expected, `seed ${seed}, step ${count}`)
        met.add(/: (E[A-Z_]+)$/.exec(expected)?.[1] ?? 'fine')
      }
      assert.deepEqual(await treeOf(simulated, '/disk'), await treeOf(nodeFs, root), `seed ${seed}`)
    } finally {
      await nodeFs.rm(root, { recursive: true })
    }
  }
  for (const code of ['fine', 'ENOENT', 'EEXIST', 'ENOTDIR', 'EISDIR', 'ERR_FS_EISDIR'])
    assert.ok(met.has(code), code)
})

test('what is appended at once stands one behind the other, through whatever handles it came', async () => {
  const fs = simulatedFs(new SimulatedDisk({ maxLatencyTurns: 3 }))
  const handle = await fs.open('/f', 'a')
  await Promise.all([...'abcd'].map((letter) => fs.appendFile('/f', letter)))
  await Promise.all([...'efgh'].map((letter) => handle.appendFile(letter)))
  const text = await fs.readFile('/f', 'utf8')
  assert.deepEqual([...text].sort(), [...'abcdefgh'])
})

test('what was not synced is at the mercy of a power cut; a file, a directory and a flush can be synced', async () => {
  const disk = new SimulatedDisk()
  const fs = simulatedFs(disk)
  const left = async (): Promise<string[]> => {
    const found = [...disk.crashStates(100)].map(({ disk: after }) => treeOf(simulatedFs(after), '/'))
    return [...new Set((await Promise.all(found)).map((tree) => JSON.stringify(tree)))].sort()
  }
  await fs.writeFile('/f', 'a')
  assert.deepEqual(await left(), ['{"f":""}', '{"f":"00"}', '{"f":"61"}', '{}'])
  const handle = await fs.open('/f', 'r+')
  await handle.sync()
  await handle.close()
  assert.deepEqual(await left(), ['{"f":"61"}', '{}'])
  const directory = await fs.open('/', 'r')
  await directory.sync()
  await directory.close()
  assert.deepEqual(await left(), ['{"f":"61"}'])
  await fs.writeFile('/f', 'b', { flush: true } as object)
  assert.deepEqual(await left(), ['{"f":"62"}'])
})

test('what it does not have is refused, and not done in part', async () => {
  const disk = new SimulatedDisk()
  const fs = simulatedFs(disk)
  const handle = await fs.open('/f', 'w')
  const calls = [
    () => fs.writeFile(Buffer.from('/g') as never, 'a'),
    () => fs.writeFile('/g', ['a', 'b']),
    () => fs.writeFile('/g', 'a', { signal: new AbortController().signal }),
    () => fs.open('/g', 'rs+'),
    () => fs.open('/g', 577),
    () => fs.readdir('/', { withFileTypes: true }),
    () => fs.readdir('/', { recursive: true }),
    () => handle.write(Buffer.from('a'), 0, 1, 7),
  ]
  for (const call of calls) await assert.rejects(call, TypeError, `${call}`)
  assert.deepEqual(await fs.readdir('/'), ['f'])
  assert.equal((await fs.stat('/f')).size, 0)
})

test('its calls work apart from it', async () => {
  const { writeFile, readFile } = simulatedFs(new SimulatedDisk())
  await writeFile('/f', 'a')
  assert.equal(await readFile('/f', 'utf8'), 'a')
})
