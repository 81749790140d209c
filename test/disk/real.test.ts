import assert from 'node:assert/strict'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { nodeDisk } from '../../src/disk/real.ts'

let directory: string
let path: string

beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'walv-disk-'))
  path = join(directory, 'file')
})

afterEach(() => fs.rmSync(directory, { recursive: true }))

/** The numbers that the next files opened get: the system gives out the smallest that are free. */
function nextDescriptors(): number[] {
  const descriptors = Array.from({ length: 10 }, () => fs.openSync(directory, 'r'))
  for (const descriptor of descriptors) fs.closeSync(descriptor)
  return descriptors
}

test('closing waits for what is under way, refuses what comes later, and can be repeated', async () => {
  const file = await nodeDisk.open(path, 'create')
  const order: string[] = []
  const written = file.write(Buffer.alloc(32 * 1024 * 1024, 'a'), 0).then((count) => order.push(`wrote ${count}`))
  const closed = file.close().then(() => order.push('closed'))
  await assert.rejects(file.write(Buffer.from('late'), 0), { code: 'EBADF' })
  await assert.rejects(file.sync(), { code: 'EBADF' })
  await Promise.all([written, closed])
  assert.deepEqual(order, ['wrote 33554432', 'closed'])
  await file.close()
  assert.equal(fs.readFileSync(path).indexOf('late'), -1)
})

test('a closed file never touches the one that got its descriptor', async () => {
  const file = await nodeDisk.open(path, 'create')
  await file.close()
  const other = await nodeDisk.open(join(directory, 'other'), 'create')
  await other.write(Buffer.from('other'), 0)
  await assert.rejects(file.write(Buffer.from('wrong'), 0), { code: 'EBADF' })
  await file.close()
  assert.equal(await other.size(), 5)
  await other.close()
})

test('an argument that Node refuses rejects, and the file can still be closed', async () => {
  const file = await nodeDisk.open(path, 'create')
  await assert.rejects(file.truncate(0.5), { code: 'ERR_OUT_OF_RANGE' })
  await file.close()
})

test('files, locks and synced directories give their descriptors back', async () => {
  const before = nextDescriptors()
  const file = await nodeDisk.open(path, 'create')
  await file.close()
  await nodeDisk.syncDirectory(directory)
  const lock = await nodeDisk.lock(join(directory, 'LOCK'), 'me')
  assert.ok(!lock.held)
  assert.ok((await nodeDisk.lock(join(directory, 'LOCK'), 'not me')).held)
  await lock.release()
  assert.deepEqual(nextDescriptors(), before)
})

test('a listing tells files, directories and other things apart', async () => {
  fs.writeFileSync(path, '')
  fs.mkdirSync(join(directory, 'folder'))
  fs.symlinkSync(path, join(directory, 'link'))
  const entries = (await nodeDisk.list(directory)).map(({ name, kind }) => `${name} ${kind}`)
  assert.deepEqual(entries.sort(), ['file file', 'folder directory', 'link other'])
})

test('removing a symbolic link, or a directory that holds one, leaves alone what it points to', async () => {
  const target = join(directory, 'target')
  fs.mkdirSync(target)
  fs.writeFileSync(join(target, 'kept'), '')
  fs.mkdirSync(join(directory, 'folder'))
  for (const link of ['link', 'folder/link']) fs.symlinkSync(target, join(directory, link))
  await nodeDisk.remove(join(directory, 'link'))
  await nodeDisk.remove(join(directory, 'folder'))
  assert.deepEqual(fs.readdirSync(directory), ['target'])
  assert.deepEqual(fs.readdirSync(target), ['kept'])
})
