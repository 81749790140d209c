import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { type Disk, type DiskFile, type DiskLock, Random, SimulatedDisk } from '../support/kit.ts'

/**
 * Few names in three levels, so that operations meet; `/e/f` and `/f/a` go through what is mostly a
 * file or not there.
 */
const PATHS = ['d', 'e', 'f', 'g', 'd/f', 'd/g', 'd/d', 'd/d/f', 'd/d/e', 'e/f', 'e/d', 'f/a']
/** Files of their own, for nobody writes into a lock file. */
const LOCKS = ['LOCK', 'd/LOCK', 'e/LOCK', 'd/d/LOCK']

/**
 * One process on a disk, with what it has open; asked by the same random numbers, it does the same
 * on every disk.
 */
class Actor {
  readonly #disk: Disk
  readonly #root: string
  readonly #files: DiskFile[] = []
  readonly #locks: DiskLock[] = []

  constructor(disk: Disk, root: string) {
    this.#disk = disk
    this.#root = root
  }

  /** Does one operation; resolves to what it was and how it went, as text. */
  async step(random: Random): Promise<string> {
    const path = random.pick(PATHS)
    const other = random.pick(PATHS)
    const size = random.below(9000)
    const position = random.below(20_000)
    const choice = random.below(100)
    const file = this.#files[random.below(this.#files.length || 1)]
    const [what, work] = this.#operation(choice, path, other, size, position, file)
    try {
      return `${what}: ${JSON.stringify(await work())}`
    } catch (error) {
      return `${what}: ${(error as NodeJS.ErrnoException).code}`
    }
  }

  /** Every name with its content. */
  async tree(directory = this.#root): Promise<string[]> {
    const lines: string[] = []
    for (const { name, kind } of await this.#disk.list(directory)) {
      const path = join(directory, name)
      const line = `${kind} ${path.slice(this.#root.length)}`
      if (kind === 'directory') lines.push(line, ...(await this.tree(path)))
      else lines.push(`${line} ${await this.#content(path)}`)
    }
    return lines.sort()
  }

  async end(): Promise<void> {
    for (const file of this.#files) await file.close()
    for (const lock of this.#locks) await lock.release()
  }

  #operation(
    choice: number,
    path: string,
    other: string,
    size: number,
    position: number,
    file: DiskFile | undefined,
  ): [string, () => Promise<unknown>] {
    const at = join(this.#root, path)
    if (choice < 10) return [`makeDirectory ${path}`, () => this.#disk.makeDirectory(at)]
    if (choice < 17) return [`rename ${path} ${other}`, () => this.#disk.rename(at, join(this.#root, other))]
    if (choice < 20)
      return [`renameNew ${path} ${other}`, () => this.#disk.renameNew(at, join(this.#root, other))]
    if (choice < 25) return [`remove ${path}`, () => this.#disk.remove(at)]
    if (choice < 30) return [`list ${path}`, () => this.#list(at)]
    if (choice < 32) return [`syncDirectory ${path}`, () => this.#disk.syncDirectory(at)]
    if (choice < 37) return this.#lockOperation(LOCKS[position % LOCKS.length]!, `owner ${position}`)
    if (choice < 39) return ['lock check', async () => this.#locks.at(-1)?.isStillHeld()]
    if (choice < 40) return ['unlock', async () => this.#locks.pop()?.release()]
    if (choice < 50 || !file) return [`create ${path}`, () => this.#open(at, 'create')]
    if (choice < 56) return [`open to write ${path}`, () => this.#open(at, 'write')]
    if (choice < 58) return [`open to read ${path}`, () => this.#openToRead(at)]
    if (choice < 76)
      return [`write ${size} at ${position}`, () => file.write(Buffer.alloc(size, choice), position)]
    if (choice < 86) return [`read ${size} at ${position}`, () => this.#read(file, size, position)]
    if (choice < 90) return ['size', () => file.size()]
    if (choice < 94) return [`truncate ${position}`, () => file.truncate(position)]
    if (choice < 96) return ['sync', () => file.sync()]
    if (choice < 99) return ['close', () => file.close()]
    return ['write nothing', () => file.write(Buffer.alloc(0), position)]
  }

  async #list(path: string): Promise<string[]> {
    const entries = await this.#disk.list(path)
    return entries.map(({ name, kind }) => `${kind} ${name}`).sort()
  }

  #lockOperation(path: string, owner: string): [string, () => Promise<unknown>] {
    return [
      `lock ${path}`,
      async () => {
        const lock = await this.#disk.lock(join(this.#root, path), owner)
        if (!lock.held) this.#locks.push(lock)
        return lock.held ? `held by ${lock.owner}` : 'taken'
      },
    ]
  }

  async #open(path: string, mode: 'read' | 'write' | 'create'): Promise<void> {
    this.#files.push(await this.#disk.open(path, mode))
  }

  /** Linux opens a directory for reading, other systems do not: nothing that a log may rest on. */
  async #openToRead(path: string): Promise<void> {
    const parent = await this.#disk.list(join(path, '..'))
    if (parent.some(({ name, kind }) => kind === 'directory' && name === basename(path))) return
    await this.#open(path, 'read')
  }

  async #content(path: string): Promise<string> {
    const file = await this.#disk.open(path, 'read')
    const content = await this.#read(file, await file.size(), 0)
    await file.close()
    return content
  }

  async #read(file: DiskFile, size: number, position: number): Promise<string> {
    const buffer = Buffer.alloc(size)
    const count = await file.read(buffer, position)
    return `${count} bytes, CRC ${crc32(buffer)}`
  }
}

test('without crashes, the simulated disk answers every operation as the real one does, error codes included', async () => {
  const codes = new Set<string>()
  for (let seed = 0; seed < 150; seed++) {
    const root = mkdtempSync(join(tmpdir(), 'walv-parity-'))
    const simulated = new SimulatedDisk({ seed })
    await simulated.makeDirectory('/disk')
    const actors = [new Actor(nodeDisk, root), new Actor(simulated, '/disk')] as const
    const randoms = [new Random(seed), new Random(seed)] as const
    try {
      for (let step = 0; step < 120; step++) {
        const expected = await actors[0].step(randoms[0])
        assert.equal(await actors[1].step(randoms[1]), expected, `seed ${seed}, step ${step}`)
        const code = /: (E[A-Z]+)$/.exec(expected)?.[1]
        if (code) codes.add(`${expected.split(' ')[0]} ${code}`)
      }
      assert.deepEqual(await actors[1].tree(), await actors[0].tree(), `seed ${seed}`)
    } finally {
      await actors[0].end()
      rmSync(root, { recursive: true })
    }
  }
  for (const code of ['ENOENT', 'EEXIST', 'ENOTDIR', 'EISDIR', 'ENOTEMPTY', 'EINVAL', 'EBADF']) {
    assert.ok(
      [...codes].some((met) => met.endsWith(code)),
      `${code} was met, among ${[...codes].join(', ')}`,
    )
  }
})
