import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CrashChoice, SimulatedDisk, type UnsyncedChange } from '../support/kit.ts'
import { diskWith, picture, put, SECTOR, sectors, tree } from './disk-pictures.ts'

/** A synced file of 20 sectors, all overwritten one by one and not synced. */
async function overwritten(seed: number): Promise<SimulatedDisk> {
  const disk = await diskWith({ '/f': '.'.repeat(20) }, { seed })
  const file = await disk.open('/f', 'write')
  for (let sector = 0; sector < 20; sector++) await file.write(sectors('x'), sector * SECTOR)
  return disk
}

async function samples(disk: SimulatedDisk, count: number): Promise<string[]> {
  return Promise.all([...disk.crashStates(count)].map((state) => picture(state.disk, '/f')))
}

test('few states are all enumerated, each once; many are sampled, with nothing and everything among them', async () => {
  const disk = await overwritten(1)
  const drawn = await samples(disk, 300)
  assert.equal(drawn.length, 300)
  assert.equal(drawn[0], '.'.repeat(20))
  assert.equal(drawn[1], 'x'.repeat(20))
  const small = await diskWith({ '/f': 'abc' })
  await (await small.open('/f', 'write')).write(sectors('XYZ'), 0)
  assert.equal(new Set(await samples(small, 8)).size, 8)
  assert.equal((await samples(small, 7)).length, 7)
})

test('samples come with hardly anything, with nearly everything, and cut at one moment', async () => {
  const drawn = (await samples(await overwritten(1), 300)).slice(2)
  const landed = (letters: string): number => letters.replaceAll('.', '').length
  assert.ok(drawn.some((letters) => /^\.+x\.+$/.test(letters)))
  assert.ok(drawn.some((letters) => /^x+\.x+$/.test(letters)))
  assert.ok(drawn.some((letters) => landed(letters) === 10))
  const moments = new Set(drawn.filter((letters) => /^x+\.+$/.test(letters)).map(landed))
  assert.ok(moments.size > 10, `${moments.size} moments`)
})

test('equal seeds give equal samples and listings, other seeds others', async () => {
  assert.deepEqual(await samples(await overwritten(7), 50), await samples(await overwritten(7), 50))
  assert.notDeepEqual(await samples(await overwritten(7), 50), await samples(await overwritten(8), 50))
  const listing = async (seed: number): Promise<string> => {
    const disk = await diskWith(Object.fromEntries([...'abcdefgh'].map((name) => [`/${name}`, ''])), {
      seed,
    })
    return (await disk.list('/')).map(({ name }) => name).join('')
  }
  assert.equal(await listing(1), await listing(1))
  assert.notEqual(await listing(1), await listing(2))
  assert.notEqual(await listing(1), 'abcdefgh')
})

test('the choice of a state makes the same state again', async () => {
  const disk = await overwritten(3)
  const choices: CrashChoice[] = []
  for (const state of disk.crashStates(40)) {
    choices.push(state.choice)
    assert.equal(await picture(disk.crash(state.choice), '/f'), await picture(state.disk, '/f'))
  }
  assert.equal(new Set(choices.map((choice) => JSON.stringify(choice))).size, 40)
  const small = await diskWith({ '/f': 'abc' })
  await (await small.open('/f', 'write')).write(sectors('XYZ'), 0)
  for (const { disk: state, choice } of small.crashStates(10)) {
    assert.ok(Array.isArray(choice))
    assert.equal(await picture(small.crash(choice), '/f'), await picture(state, '/f'))
  }
})

test('a function decides each change and is told what it is', async () => {
  const disk = await diskWith({ '/f': 'a' })
  const start = disk.ops.length
  const file = await disk.open('/f', 'write')
  await file.write(sectors('b'), 0)
  await file.write(sectors('cd'), 0)
  await disk.rename('/f', '/g')
  const asked: UnsyncedChange[] = []
  const after = disk.crash((change) => {
    asked.push(change)
    return change.kind === 'sector' ? 0 : 1
  })
  const [first, second, renamed] = [start + 1, start + 2, start + 3]
  const before = Number.NEGATIVE_INFINITY
  assert.deepEqual(asked, [
    { kind: 'name', change: 'rename', path: '/f -> /g', operations: [before, renamed] },
    { kind: 'size', path: '/g', operations: [before, second] },
    { kind: 'sector', path: '/g', sector: 0, operations: [before, first, second] },
    { kind: 'sector', path: '/g', sector: 1, operations: [before, second] },
  ])
  assert.equal(await tree(after), '/g=a.')
  asked.length = 0
  disk.crash((change) => {
    asked.push(change)
    return 0
  })
  const places = asked.map((change) => `${change.kind} ${change.path}`)
  assert.deepEqual(
    places,
    ['name /f -> /g', 'size /f', 'sector /f'],
    'the sector behind the end does not matter',
  )
})

test('the disk may be used on while its crash states are looked at', async () => {
  const disk = await diskWith({ '/f': 'a' })
  const file = await disk.open('/f', 'write')
  await file.write(sectors('b'), 0)
  const created = await put(disk, '/g', 'c')
  const states = disk.crashStates(7)
  await file.write(sectors('x'), 0)
  await created.write(sectors('y'), 0)
  for (const synced of [file, created]) await synced.sync()
  await disk.syncDirectory('/')
  const possible = ['/f=a', '/f=b'].flatMap((f) => [f, ...['', '.', 'c'].map((g) => `${f} /g=${g}`)])
  const found = await Promise.all([...states].map((state) => tree(state.disk)))
  assert.equal(found.length, 7, 'one less than there are: they are sampled one by one')
  assert.deepEqual(
    found.filter((line) => !possible.includes(line)),
    [],
  )
})

test('crash states can be taken before every operation of a running process, and share nothing that changes', async () => {
  const disk = new SimulatedDisk()
  const taken: { number: number; states: SimulatedDisk[] }[] = []
  disk.onOperation = ({ number }) => {
    taken.push({ number, states: [...disk.crashStates(50)].map((state) => state.disk) })
    return undefined
  }
  const file = await put(disk, '/f', 'ab')
  await file.sync()
  await disk.syncDirectory('/')
  await file.write(sectors('X'), 0)
  await file.sync()
  disk.onOperation = undefined
  const seen = await Promise.all(
    taken.map(async ({ states }) => [...new Set(await Promise.all(states.map((s) => tree(s))))].sort()),
  )
  assert.deepEqual(seen, [
    [''],
    ['', '/f='],
    ['', '/f=', '/f=..', '/f=.b', '/f=a.', '/f=ab'],
    ['', '/f=ab'],
    ['/f=ab'],
    ['/f=Xb', '/f=ab'],
  ])
  const [one, other] = taken[5]!.states
  await (await one!.open('/f', 'write')).write(sectors('QQ'), 0)
  assert.equal(await tree(other!), '/f=Xb')
  assert.equal(await tree(disk), '/f=Xb')
})
