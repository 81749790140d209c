import assert from 'node:assert/strict'
import { test } from 'node:test'
import { removeAndReclaim } from '../../src/disk/reclaim.ts'
import { contentOf, DIRECTORY, emptyDirectory, namesOn, putFile, type SimulatedDisk } from '../support/kit.ts'

const ONE = `${DIRECTORY}/one`
const TWO = `${DIRECTORY}/two`

async function twoFiles(): Promise<SimulatedDisk> {
  const disk = await emptyDirectory()
  await putFile(disk, ONE, Buffer.from('content of one'))
  await putFile(disk, TWO, Buffer.from('content of two'))
  return disk
}

const removeBoth = (disk: SimulatedDisk) => async (): Promise<void> => {
  for (const path of [ONE, TWO]) await disk.remove(path)
  await disk.syncDirectory(DIRECTORY)
}

test('whatever a power cut leaves at whatever moment, a file that has its name has all of its content', async () => {
  const disk = await twoFiles()
  const kinds: string[] = []
  const left: SimulatedDisk[] = []
  disk.onOperation = ({ kind }) => {
    kinds.push(kind)
    for (const state of disk.crashStates(200)) left.push(state.disk)
    return undefined
  }
  await removeAndReclaim(disk, [ONE, TWO], removeBoth(disk))
  disk.onOperation = undefined
  const found = new Set<string>()
  for (const state of left) {
    const names = await namesOn(state)
    found.add(names.join())
    for (const name of names)
      assert.equal((await contentOf(state, `${DIRECTORY}/${name}`)).toString(), `content of ${name}`)
  }
  assert.deepEqual([...found].sort(), ['', 'one', 'one,two', 'two'])
  assert.equal(kinds.filter((kind) => kind === 'truncate').length, 4)
  assert.equal(disk.usedBytes, 0)
})

test('a removal that fails leaves the files whole, and is told', async () => {
  for (const kind of ['remove', 'syncDirectory'] as const) {
    const disk = await twoFiles()
    const file = await disk.open(ONE, 'read')
    disk.onOperation = (operation) => (operation.kind === kind ? { code: 'EIO' } : undefined)
    await assert.rejects(removeAndReclaim(disk, [ONE, TWO], removeBoth(disk)), { code: 'EIO' })
    assert.equal(await file.size(), 14)
    assert.equal(
      disk.ops.filter((operation) => operation.kind === 'close').length,
      4,
      'two were put, two let go of',
    )
  }
})

test('a file that cannot be opened, or cut, or closed, is removed all the same', async () => {
  for (const kind of ['open', 'truncate', 'close'] as const) {
    const disk = await twoFiles()
    disk.onOperation = (operation) => (operation.kind === kind ? { code: 'EIO' } : undefined)
    await removeAndReclaim(disk, [ONE, TWO], removeBoth(disk))
    disk.onOperation = undefined
    assert.deepEqual(await namesOn(disk.crash('nothing')), [])
  }
})

test('a disk that has no use for it is not asked to', async () => {
  const disk = await twoFiles()
  const { open } = disk
  disk.open = async (path, mode) => {
    const file = await open.call(disk, path, mode)
    Object.defineProperty(file, 'discard', { value: undefined })
    return file
  }
  await removeAndReclaim(disk, [ONE], () => disk.remove(ONE))
  assert.deepEqual(
    disk.ops.slice(-3).map(({ kind }) => kind),
    ['open', 'remove', 'close'],
  )
})
