import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFully, writeFully } from '../../src/disk/disk.ts'
import { MemoryFile } from './memory-file.ts'

test('reading fully goes on until the buffer is full, however little one call gives', async () => {
  const file = new MemoryFile(Buffer.from('0123456789'), 3)
  const buffer = Buffer.alloc(7)
  assert.equal(await readFully(file, buffer, 2), 7)
  assert.equal(buffer.toString(), '2345678')
  assert.deepEqual(file.calls, ['read 2+7', 'read 5+4', 'read 8+1'])
})

test('reading fully ends at the end of the file, and says how much there was', async () => {
  const file = new MemoryFile(Buffer.from('0123'), 3)
  const buffer = Buffer.alloc(6, 'x')
  assert.equal(await readFully(file, buffer, 0), 4)
  assert.equal(buffer.toString(), '0123xx')
  assert.equal(await readFully(file, buffer, 9), 0)
})

test('nothing is read or written for a buffer without bytes', async () => {
  const file = new MemoryFile(Buffer.from('0123'))
  assert.equal(await readFully(file, Buffer.alloc(0), 0), 0)
  await writeFully(file, Buffer.alloc(0), 0)
  assert.deepEqual(file.calls, [])
})

test('writing fully goes on until everything is written, however little one call takes', async () => {
  const file = new MemoryFile(Buffer.alloc(10, '.'), 3)
  await writeFully(file, Buffer.from('abcdefg'), 2)
  assert.equal(file.content.toString(), '..abcdefg.')
  assert.deepEqual(file.calls, ['write 2+7', 'write 5+4', 'write 8+1'])
})

test('a write that takes nothing is an input/output error, and not tried for ever', async () => {
  const file = new MemoryFile(Buffer.alloc(10), 0)
  await assert.rejects(writeFully(file, Buffer.from('abc'), 5), {
    code: 'EIO',
    message: 'write made no progress at 5',
  })
  const stuck = new MemoryFile(Buffer.alloc(10))
  let room = 2
  const { write } = stuck
  stuck.write = (buffer, position) => {
    const taken = write(buffer.subarray(0, room), position)
    room = 0
    return taken
  }
  await assert.rejects(writeFully(stuck, Buffer.from('abc'), 5), {
    code: 'EIO',
    message: 'write made no progress at 7',
  })
})
