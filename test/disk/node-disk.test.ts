import assert from 'node:assert/strict'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { until } from '../support/kit.ts'
import { failure, replaceFs, restoreFs } from './replaced-fs.ts'

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
  const written = file
    .write(Buffer.alloc(32 * 1024 * 1024, 'a'), 0)
    .then((count) => order.push(`wrote ${count}`))
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

const onLinux = { skip: process.platform !== 'linux' }

/** How often each of these functions is called while `work` runs. */
async function callsDuring(
  work: () => Promise<unknown>,
): Promise<{ opens: string[]; writes: number; syncs: number }> {
  const calls = { opens: [] as string[], writes: 0, syncs: 0 }
  const { open, write, fdatasync } = fs
  replaceFs('open', (path: string, ...rest: unknown[]) => {
    calls.opens.push(path)
    Reflect.apply(open, fs, [path, ...rest])
  })
  replaceFs('write', (...all: unknown[]) => {
    calls.writes++
    Reflect.apply(write, fs, all)
  })
  replaceFs('fdatasync', (...all: unknown[]) => {
    calls.syncs++
    Reflect.apply(fdatasync, fs, all)
  })
  try {
    await work()
    return calls
  } finally {
    restoreFs()
  }
}

test(
  'a synced write is one call, into the same file under whatever name, and closing gives both descriptors back',
  onLinux,
  async () => {
    const before = nextDescriptors()
    const file = await nodeDisk.open(path, 'create')
    assert.equal(await file.writeSynced?.(Buffer.from('abc'), 0), 3)
    await nodeDisk.rename(path, join(directory, 'renamed'))
    fs.writeFileSync(path, 'another')
    const calls = await callsDuring(async () =>
      assert.equal(await file.writeSynced?.(Buffer.from('d'), 3), 1),
    )
    assert.deepEqual(calls, { opens: [], writes: 1, syncs: 0 })
    assert.equal(fs.readFileSync(join(directory, 'renamed'), 'utf8'), 'abcd')
    assert.equal(fs.readFileSync(path, 'utf8'), 'another')
    await file.close()
    assert.deepEqual(nextDescriptors(), before)
  },
)

test(
  'where the file cannot be opened a second time, a synced write is a write and a sync, and the next one tries again',
  onLinux,
  async () => {
    const file = await nodeDisk.open(path, 'create')
    replaceFs('open', (...all: unknown[]) => (all.at(-1) as (error: Error) => void)(failure('EMFILE')))
    const { fdatasync } = fs
    let syncs = 0
    replaceFs('fdatasync', (...all: unknown[]) => {
      syncs++
      Reflect.apply(fdatasync, fs, all)
    })
    try {
      assert.equal(await file.writeSynced?.(Buffer.from('ab'), 0), 2)
    } finally {
      restoreFs()
    }
    assert.equal(syncs, 1)
    const calls = await callsDuring(async () =>
      assert.equal(await file.writeSynced?.(Buffer.from('c'), 2), 1),
    )
    assert.deepEqual([calls.opens.length, calls.writes, calls.syncs], [1, 1, 0])
    await file.close()
    assert.equal(fs.readFileSync(path, 'utf8'), 'abc')
  },
)

const MIB = 1024 * 1024

/** The sizes that files are cut to while `work` runs. */
async function cutsDuring(work: () => Promise<unknown>): Promise<number[]> {
  const cuts: number[] = []
  const { ftruncate } = fs
  replaceFs('ftruncate', (descriptor: number, bytes: number, done: () => void) => {
    cuts.push(bytes)
    ftruncate(descriptor, bytes, done)
  })
  try {
    await work()
    return cuts
  } finally {
    restoreFs()
  }
}

test('a file that was removed is discarded 4 MiB at a time, from its end; one that has a name keeps all of it', async () => {
  for (const [removed, other, expected] of [
    [true, false, [5 * MIB, MIB]],
    [true, true, []],
    [false, false, []],
  ] as const) {
    const file = await nodeDisk.open(path, 'create')
    await file.truncate(9 * MIB)
    if (other) fs.linkSync(path, join(directory, 'copy'))
    if (removed) await nodeDisk.remove(path)
    assert.deepEqual(await cutsDuring(() => file.discard!()), expected)
    await file.close()
    fs.rmSync(path, { force: true })
  }
  assert.equal(fs.statSync(join(directory, 'copy')).size, 9 * MIB)
})

test('reading past what is left of a file that was removed says so; what is there is read, as is one that was replaced', async () => {
  fs.writeFileSync(path, 'content')
  const file = await nodeDisk.open(path, 'read')
  const buffer = Buffer.alloc(20)
  assert.equal(await file.read(buffer, 0), 7)
  fs.rmSync(path)
  assert.equal(await file.read(buffer.subarray(0, 7), 0), 7)
  await assert.rejects(file.read(buffer, 0), { code: 'ENOENT', message: new RegExp(path) })
  await assert.rejects(file.read(buffer, 7), { code: 'ENOENT' })
  fs.writeFileSync(path, 'another')
  assert.equal(await file.read(buffer, 0), 7)
  assert.equal(buffer.toString('utf8', 0, 7), 'content')
  await file.close()
})

test('a file opened for reading has no synced writes', async () => {
  fs.writeFileSync(path, '')
  const file = await nodeDisk.open(path, 'read')
  assert.equal(file.writeSynced, undefined)
  await file.close()
})

test('a listing tells files, directories and other things apart', async () => {
  fs.writeFileSync(path, '')
  fs.mkdirSync(join(directory, 'folder'))
  fs.symlinkSync(path, join(directory, 'link'))
  const entries = (await nodeDisk.list(directory)).map(({ name, kind }) => `${name} ${kind}`)
  assert.deepEqual(entries.sort(), ['file file', 'folder directory', 'link link'])
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

test('a watch tells when a file of the directory is written, and when a name changes, until it is closed', async () => {
  let told = 0
  const watch = nodeDisk.watch!(directory, () => {
    told++
  })
  const file = await nodeDisk.open(path, 'create')
  await until(() => told > 0)
  const before = told
  await file.write(Buffer.from('x'), 0)
  await until(() => told > before)
  await file.close()
  watch.close()
  await new Promise(setImmediate)
  const last = told
  await nodeDisk.remove(path)
  await delay(30)
  assert.equal(told, last)
})
