import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SimulatedDisk } from '../support/kit.ts'
import { diskWith, outcomes, put, SECTOR, sectors, tree } from './disk-pictures.ts'

/** A file as one letter a sector, `!` for one that cannot be read. */
async function readable(disk: SimulatedDisk, path = '/f'): Promise<string> {
  const file = await disk.open(path, 'read')
  let letters = ''
  for (let at = 0; at < (await file.size()); at += SECTOR) {
    const buffer = Buffer.alloc(SECTOR)
    letters += await file.read(buffer, at).then(
      () => String.fromCharCode(buffer[0]!).replace('\0', '.'),
      (error) => (error.code === 'EIO' ? '!' : error.code),
    )
  }
  await file.close()
  return letters
}

/** What a power cut may leave of the file, each outcome once, sorted. */
async function remains(disk: SimulatedDisk): Promise<string[]> {
  const found = await Promise.all([...disk.crashStates(100)].map((state) => readable(state.disk)))
  return [...new Set(found)].sort()
}

test('a read that touches a broken sector fails, others do not, and no crash or kill mends it', async () => {
  const disk = await diskWith({ '/f': 'abc', '/g': 'x' })
  disk.breakSector('/f', 1)
  const file = await disk.open('/f', 'read')
  for (const [position, length] of [
    [0, 3 * SECTOR],
    [SECTOR - 1, 2],
    [2 * SECTOR - 1, 1],
    [SECTOR, SECTOR],
  ] as const) {
    await assert.rejects(
      file.read(Buffer.alloc(length), position),
      { code: 'EIO' },
      `${length} at ${position}`,
    )
  }
  assert.equal(await file.read(Buffer.alloc(SECTOR), 0), SECTOR)
  assert.equal(await file.read(Buffer.alloc(SECTOR), 2 * SECTOR), SECTOR)
  disk.flipBit('/f', SECTOR)
  disk.zeroSector('/f', 1)
  const [killed, crashed] = [disk.kill(), disk.crash('nothing')]
  for (const each of [
    disk,
    killed,
    crashed,
    disk.crash('everything'),
    killed.kill(),
    crashed.crash('nothing'),
  ]) {
    assert.equal(await readable(each), 'a!c')
    assert.equal(await readable(each, '/g'), 'x')
  }
  assert.throws(() => disk.breakSector('/f', 3), RangeError)
})

test('what has to keep a part of a broken sector cannot be written, and changes nothing', async () => {
  const disk = await diskWith({ '/f': 'abc' })
  disk.breakSector('/f', 1)
  const file = await disk.open('/f', 'write')
  for (const [position, length] of [
    [0, SECTOR + 1],
    [SECTOR + 1, 10],
    [2 * SECTOR - 1, SECTOR],
  ] as const) {
    await assert.rejects(
      file.write(Buffer.alloc(length, 'X'), position),
      { code: 'EIO' },
      `${length} at ${position}`,
    )
  }
  await assert.rejects(file.truncate(SECTOR + 1), { code: 'EIO' })
  assert.equal(await readable(disk), 'a!c')
  assert.equal(await file.size(), 3 * SECTOR)
})

test('a sector that is written over can be read at once, and on the disk when that is there', async () => {
  for (const content of ['X', 'b']) {
    const disk = await diskWith({ '/f': 'abc' })
    disk.breakSector('/f', 1)
    const file = await disk.open('/f', 'write')
    await file.write(sectors(content), SECTOR)
    assert.equal(await readable(disk), `a${content}c`)
    assert.deepEqual(await remains(disk), ['a!c', `a${content}c`])
    await file.sync()
    assert.deepEqual(await remains(disk), [`a${content}c`])
  }
})

test('a sync that fails may leave the sector broken for the machine that reboots', async () => {
  const disk = await diskWith({ '/f': 'abc' })
  disk.breakSector('/f', 1)
  const file = await disk.open('/f', 'write')
  await file.write(sectors('X'), SECTOR)
  disk.onOperation = ({ kind }) => (kind === 'sync' ? { code: 'EIO' } : undefined)
  await assert.rejects(file.sync(), { code: 'EIO' })
  disk.onOperation = undefined
  await file.sync()
  assert.equal(await readable(disk), 'aXc')
  assert.deepEqual(await remains(disk), ['a!c', 'aXc'])
})

test('a half sector at the end is written over by what covers all that there is of it', async () => {
  const disk = await diskWith({})
  const file = await put(disk, '/f', Buffer.alloc(SECTOR + 100, 'a'))
  await file.sync()
  await disk.syncDirectory('/')
  disk.breakSector('/f', 1)
  assert.equal(await readable(disk), 'a!')
  await assert.rejects(file.write(Buffer.alloc(99, 'X'), SECTOR), { code: 'EIO' })
  await assert.rejects(file.truncate(SECTOR + 200), { code: 'EIO' })
  await file.write(Buffer.alloc(100, 'X'), SECTOR)
  assert.equal(await readable(disk), 'aX')
})

test('a broken sector goes with the end of its file', async () => {
  const disk = await diskWith({ '/f': 'ab' })
  disk.breakSector('/f', 1)
  const file = await disk.open('/f', 'write')
  await file.truncate(SECTOR)
  await file.truncate(2 * SECTOR)
  assert.equal(await readable(disk), 'a.')
  assert.deepEqual(await remains(disk), ['a', 'a!', 'a.'])
  const short = disk.crash(({ kind }) => (kind === 'size' ? 1 : 0))
  await (await short.open('/f', 'write')).write(sectors('c'), 2 * SECTOR)
  assert.equal(await readable(short), 'a.c', 'what was cut off does not come back')
  await file.sync()
  assert.deepEqual(await outcomes(disk), ['/f=a.'])
  assert.equal(await tree(disk), '/f=a.')
})
