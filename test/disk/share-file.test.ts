import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shareFile } from '../../src/disk/share-file.ts'
import { type Disk, errno, SimulatedDisk } from '../support/kit.ts'

const CONTENT = Buffer.alloc(3 * 1024 * 1024 + 5, 'content')

async function diskWith(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  const file = await disk.open('/file', 'create')
  await file.write(CONTENT, 0)
  await file.sync()
  await file.close()
  await disk.syncDirectory('/')
  return disk
}

async function contentOf(disk: Disk, path: string): Promise<Buffer> {
  const file = await disk.open(path, 'read')
  const content = Buffer.alloc(await file.size())
  for (let at = 0; at < content.length; ) at += await file.read(content.subarray(at), at)
  await file.close()
  return content
}

/** The same disk, which shares in another way, or not at all. */
function sharing(disk: SimulatedDisk, share: Disk['share']): Disk {
  return new Proxy<Disk>(disk, {
    get: (_, name) => {
      if (name === 'share') return share
      const value = Reflect.get(disk, name, disk)
      return typeof value === 'function' ? value.bind(disk) : value
    },
  })
}

test('what is shared takes no more space, and is there after a power cut', async () => {
  const disk = await diskWith()
  const { usedBytes } = disk
  await shareFile(disk, '/file', '/other')
  assert.equal(disk.usedBytes, usedBytes)
  await disk.syncDirectory('/')
  await disk.remove('/file')
  assert.deepEqual(await contentOf(disk.crash('nothing'), '/other'), CONTENT)
})

test('where nothing can be shared it is copied, and durable as well', async () => {
  const refused = async (): Promise<never> => {
    throw errno('EXDEV')
  }
  for (const share of [undefined, refused]) {
    const disk = await diskWith()
    await shareFile(sharing(disk, share), '/file', '/other')
    assert.ok(disk.usedBytes >= 2 * CONTENT.length)
    await disk.syncDirectory('/')
    assert.deepEqual(await contentOf(disk.crash('nothing'), '/other'), CONTENT)
  }
})

test('a name that is taken, and a file that is not there, are no reason to copy', async () => {
  const disk = await diskWith()
  await shareFile(disk, '/file', '/other')
  await assert.rejects(shareFile(disk, '/file', '/other'), { code: 'EEXIST' })
  await assert.rejects(shareFile(disk, '/none', '/new'), { code: 'ENOENT' })
})
