import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readAround } from '../../src/disk/read-around.ts'
import { MemoryFile } from './memory-file.ts'
import { failure } from './replaced-fs.ts'

const CONTENT: Buffer = Buffer.from(Array.from({ length: 2000 }, (_, index) => index % 251))

/** A file of which no read may touch the given sectors. */
function fileWithout(sectors: readonly number[], code = 'EIO'): MemoryFile {
  const file = new MemoryFile(CONTENT)
  const { read } = file
  file.read = async (buffer, position) => {
    const count = await read(buffer, position)
    if (sectors.some((sector) => position < sector * 512 + 512 && position + buffer.length > sector * 512))
      throw failure(code)
    return count
  }
  return file
}

/** The content with the given ranges filled. */
function filled(...ranges: [number, number][]): Buffer {
  const content = Buffer.from(CONTENT)
  for (const [from, to] of ranges) content.fill(0xee, from, to)
  return content
}

test('a file that can be read is read as it is, in one call', async () => {
  const file = fileWithout([])
  const buffer = Buffer.alloc(1500)
  assert.deepEqual(await readAround(file, buffer, 100), { count: 1500, unreadable: [] })
  assert.deepEqual(buffer, CONTENT.subarray(100, 1600))
  assert.deepEqual(file.calls, ['read 100+1500'])
})

test('a sector that cannot be read is told and filled, and all others are read', async () => {
  const buffer = Buffer.alloc(2000)
  assert.deepEqual(await readAround(fileWithout([1]), buffer, 0), {
    count: 2000,
    unreadable: [{ from: 512, to: 1024 }],
  })
  assert.deepEqual(buffer, filled([512, 1024]))
})

test('from a place within a sector, only the part that was asked for is told', async () => {
  const file = fileWithout([0, 2])
  const buffer = Buffer.alloc(1000)
  assert.deepEqual(await readAround(file, buffer, 300), {
    count: 1000,
    unreadable: [
      { from: 300, to: 512 },
      { from: 1024, to: 1300 },
    ],
  })
  assert.deepEqual(buffer, filled([0, 512], [1024, 1536]).subarray(300, 1300))
  assert.deepEqual(file.calls, ['read 300+1000', 'read 300+212', 'read 512+512', 'read 1024+276'])
})

test('the file ends where it ends, also in a sector that cannot be read', async () => {
  const buffer = Buffer.alloc(1000, 1)
  assert.deepEqual(await readAround(fileWithout([3]), buffer, 1100), {
    count: 900,
    unreadable: [{ from: 1536, to: 2000 }],
  })
  assert.deepEqual(buffer.subarray(0, 900), filled([1536, 2000]).subarray(1100))
  assert.ok(
    buffer.subarray(900).every((byte) => byte === 1),
    'and nothing is written behind it',
  )
})

test('behind the end of a file there is nothing, whether or not it can be read', async () => {
  for (const position of [2000, 2500]) {
    const file = fileWithout([4, 5])
    assert.deepEqual(await readAround(file, Buffer.alloc(100), position), { count: 0, unreadable: [] })
  }
})

test('any other error comes through, at once or on the way', async () => {
  await assert.rejects(readAround(fileWithout([1], 'EACCES'), Buffer.alloc(2000), 0), { code: 'EACCES' })
  const file = fileWithout([0])
  const { read } = file
  file.read = (buffer, position) =>
    position === 512 ? Promise.reject(failure('EBADF')) : read(buffer, position)
  await assert.rejects(readAround(file, Buffer.alloc(2000), 0), { code: 'EBADF' })
})
