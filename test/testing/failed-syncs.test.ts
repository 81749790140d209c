/** What is lost where a sync fails. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Fault } from '../support/kit.ts'
import { diskWith, outcomes, picture, put, SECTOR, sectors, tree } from './disk-pictures.ts'

test('a failed sync loses what it should have written, reads see it, and a later sync succeeds without it', async () => {
  const disk = await diskWith({ '/f': 'ab' })
  const file = await disk.open('/f', 'write')
  await file.write(sectors('X'), 0)
  disk.onOperation = ({ kind }) => (kind === 'sync' ? { code: 'EIO' } : undefined)
  await assert.rejects(file.sync(), { code: 'EIO' })
  disk.onOperation = undefined
  await file.write(sectors('Y'), SECTOR)
  await file.sync()
  assert.equal(await picture(disk, '/f'), 'XY')
  assert.deepEqual(await outcomes(disk), ['/f=aY', '/f=XY'].sort())
  assert.equal(await tree(disk.kill()), '/f=XY', 'the next process reads it too')
  assert.deepEqual(await outcomes(disk.kill()), ['/f=XY', '/f=aY'])
  await file.write(sectors('X'), 0)
  await file.sync()
  assert.deepEqual(await outcomes(disk), ['/f=XY'], 'written again, it is written')
})

test('a failed sync does not lose a write that was still under way', async () => {
  const disk = await diskWith({ '/f': 'a' })
  const file = await disk.open('/f', 'write')
  disk.onOperation = ({ kind }) => (kind === 'sync' ? { code: 'EIO' } : undefined)
  const [, sync] = await Promise.allSettled([file.write(sectors('b'), 0), file.sync()])
  assert.equal(sync.status, 'rejected')
  disk.onOperation = undefined
  await file.sync()
  assert.deepEqual(await outcomes(disk), ['/f=b'])
})

test('a failed sync loses a size', async () => {
  const disk = await diskWith({ '/f': 'a' })
  const file = await disk.open('/f', 'write')
  await file.write(sectors('b'), SECTOR)
  disk.onOperation = ({ kind }) => (kind === 'sync' ? { code: 'ENOSPC' } : undefined)
  await assert.rejects(file.sync(), { code: 'ENOSPC' })
  disk.onOperation = undefined
  await file.sync()
  assert.deepEqual(await outcomes(disk), ['/f=a', '/f=a.', '/f=ab'])
})

test('a failed directory sync loses names, and a later one does not bring them back', async () => {
  const disk = await diskWith({})
  await put(disk, '/f', '')
  disk.onOperation = ({ kind }) => (kind === 'syncDirectory' ? { code: 'EIO' } : undefined)
  await assert.rejects(disk.syncDirectory('/'), { code: 'EIO' })
  disk.onOperation = undefined
  await put(disk, '/g', '')
  await disk.syncDirectory('/')
  assert.equal(await tree(disk), '/f= /g=')
  assert.deepEqual(await outcomes(disk), ['/f= /g=', '/g='])
  await disk.rename('/f', '/h')
  await disk.syncDirectory('/')
  assert.deepEqual(await outcomes(disk), ['/g= /h='], 'what rests on it brings it back')
})

describe('what a failed directory sync loses', () => {
  const failing = ({ kind }: { kind: string }): Fault | undefined =>
    kind === 'syncDirectory' ? { code: 'EIO' } : undefined

  test('is no name in another directory', async () => {
    const disk = await diskWith({})
    await disk.makeDirectory('/d')
    await disk.syncDirectory('/')
    await put(disk, '/f', '')
    disk.onOperation = failing
    await assert.rejects(disk.syncDirectory('/d'), { code: 'EIO' })
    disk.onOperation = undefined
    await disk.syncDirectory('/')
    assert.deepEqual(await outcomes(disk), ['/d/ /f='])
  })

  test('is no name that was still being made', async () => {
    const disk = await diskWith({})
    disk.onOperation = failing
    const [, sync] = await Promise.allSettled([disk.open('/f', 'create'), disk.syncDirectory('/')])
    assert.equal(sync.status, 'rejected')
    disk.onOperation = undefined
    await disk.syncDirectory('/')
    assert.deepEqual(await outcomes(disk), ['/f='])
  })
})
