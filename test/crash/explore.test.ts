import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFully, writeFully } from '../../src/disk/disk.ts'
import { shrink } from '../../src/testing/explore/shrink.ts'
import { type ExploreOptions, explore, type SimulatedDisk } from '../support/kit.ts'

const SECTOR_BYTES = 512

async function write(
  disk: SimulatedDisk,
  path: string,
  letters: string,
  mode: 'create' | 'write',
): Promise<void> {
  const file = await disk.open(path, mode)
  await writeFully(file, Buffer.concat([...letters].map((letter) => Buffer.alloc(SECTOR_BYTES, letter))), 0)
  await file.sync()
}

/** The first letter of each sector. */
async function read(disk: SimulatedDisk, path: string): Promise<string> {
  const file = await disk.open(path, 'read')
  const content = Buffer.alloc(await file.size())
  await readFully(file, content, 0)
  return [...content.filter((_, at) => at % SECTOR_BYTES === 0)]
    .map((byte) => String.fromCharCode(byte))
    .join('')
}

/** A file of two sectors, which are both `a` and should both be `b`. */
const prepare = async (disk: SimulatedDisk): Promise<void> => {
  await write(disk, '/f', 'aa', 'create')
  await disk.syncDirectory('/')
}

/** Both are written over in place, which is not atomic. */
const overwrite: ExploreOptions<string> = {
  seed: 1,
  secondCutEvery: 0,
  prepare,
  run: (disk) => write(disk, '/f', 'bb', 'write'),
  verify: async (disk) => assert.match(await read(disk, '/f'), /^(aa|bb)$/),
}

test('what is found is told with the cut, the changes before it, and no more of what landed than it takes', async () => {
  const run = (disk: SimulatedDisk): Promise<void> => write(disk, '/f', 'b'.repeat(30), 'write')
  const { violations } = await explore({ ...overwrite, run })
  for (const { error, cut } of violations) {
    assert.match(error.message, /input did not match/)
    assert.equal(cut?.afterOperations, 6)
    assert.equal(cut?.landed.length, 1)
    assert.match(cut.landed[0]!, /^(size|sector [01]) of \/f, by operation 5$/)
    assert.equal(cut.story.at(-1), '5: write /f at 0, 15360 bytes')
  }
  assert.equal(violations.length, 5)
})

test('every state of a cut is looked at once, and what nothing changed since is not looked at again', async () => {
  const seen: string[] = []
  const { cuts, states } = await explore({
    ...overwrite,
    verify: async (disk) => {
      seen.push(await read(disk, '/f'))
    },
  })
  // Before the write, before the sync, and behind it.
  assert.equal(cuts, 3)
  assert.deepEqual(seen.sort(), ['aa', 'aa', 'ab', 'ba', 'bb', 'bb'].slice(6 - states))
  assert.deepEqual([...new Set(seen)], ['aa', 'ab', 'ba', 'bb'])
})

test('work that throws is a violation without a cut', async () => {
  const { violations } = await explore({
    ...overwrite,
    run: async (disk) => {
      await disk.makeDirectory('/d')
      throw new Error('on purpose')
    },
  })
  assert.deepEqual(
    violations.map(({ error, cut, story }) => [error.message, cut, story.at(-1)]),
    [['on purpose', undefined, '4: makeDirectory /d']],
  )
})

test('operations of the work can be made to fail, and none of what comes before or behind it', async () => {
  const failed: number[] = []
  const { violations } = await explore({
    ...overwrite,
    onOperation: ({ kind, number }) => {
      if (kind !== 'sync') return undefined
      failed.push(number)
      return { code: 'EIO' }
    },
    run: (disk) => assert.rejects(write(disk, '/f', 'bb', 'write'), { code: 'EIO' }),
    verify: (disk) => write(disk, '/f', 'cc', 'write'),
  })
  assert.deepEqual(violations, [])
  assert.equal(failed.length, 1)
})

test('a verification that does not survive a power cut itself is found', async () => {
  const { violations, secondCuts } = await explore({
    ...overwrite,
    secondCutEvery: 1,
    statesPerSecondCut: 8,
    run: (disk) => disk.syncDirectory('/'),
    // Mends what it finds, and is content with nothing but what it found or what it makes of it.
    verify: async (disk) => {
      assert.match(await read(disk, '/f'), /^(aa|cc)$/)
      await write(disk, '/f', 'cc', 'write')
    },
  })
  assert.ok(secondCuts > 0)
  assert.equal(violations[0]!.second!.landed.length, 1)
  assert.match(violations[0]!.second!.landed[0]!, /^sector [01] of \/f/)
})

test('what a verification witnesses holds when it is cut', async () => {
  const known = new Set<string | undefined>()
  await explore({
    ...overwrite,
    secondCutEvery: 1,
    verify: async (disk, facts, witness) => {
      known.add(facts)
      witness('opened')
      await disk.syncDirectory('/')
    },
  })
  assert.deepEqual(known, new Set([undefined, 'opened']))
})

test('equal seeds explore the same, and exploring ends with as many violations as were asked for', async () => {
  const options = { ...overwrite, run: (disk: SimulatedDisk) => write(disk, '/f', 'b'.repeat(40), 'write') }
  const [one, two] = [
    await explore({ ...options, maxViolations: 3 }),
    await explore({ ...options, maxViolations: 3 }),
  ]
  assert.equal(one.violations.length, 3)
  assert.deepEqual(
    one.violations.map(({ cut }) => cut),
    two.violations.map(({ cut }) => cut),
  )
})

test('a list that fails is made smaller, within as many tries as are allowed', async () => {
  const numbers = Array.from({ length: 50 }, (_, place) => place)
  let tries = 0
  const fails = async (items: readonly number[]): Promise<boolean> => {
    tries++
    return items.includes(7) && items.includes(31)
  }
  assert.deepEqual(await shrink(numbers, fails, 1_000), [7, 31])
  tries = 0
  const few = await shrink(numbers, fails, 10)
  assert.ok(tries === 10 && few.length < 50 && few.includes(7) && few.includes(31), `${tries} ${few}`)
})
