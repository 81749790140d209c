import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Disk } from '../../../src/disk/disk.ts'
import { nodeDisk } from '../../../src/disk/node-disk.ts'
import { collect, openWal, temporaryDirectory } from '../../support/kit.ts'

const RECORDS = 3900
const DIMENSIONS = 1000

/** Almost 16 MB in few segments, closed. */
async function written(t: TestContext): Promise<string> {
  const directory = join(await temporaryDirectory(t), 'log')
  const wal = await openWal(t, { directory, segmentMaxBytes: 64 * 1024 * 1024 })
  const vector = new Float32Array(DIMENSIONS).fill(1)
  for (let at = 0; at < RECORDS; at += 100)
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => wal.append({ type: 'insert', id: `id-${at + i}`, vector })),
    )
  await wal.close()
  return directory
}

/** The real disk, and how many bytes were read of segments. */
function counting(): { disk: Disk; readBytes: () => number } {
  let bytes = 0
  const disk: Disk = {
    ...nodeDisk,
    async open(path, mode) {
      const file = await nodeDisk.open(path, mode)
      const read = file.read.bind(file)
      return Object.assign(file, {
        async read(buffer: Uint8Array, position: number): Promise<number> {
          const count = await read(buffer, position)
          if (path.endsWith('.walv')) bytes += count
          return count
        },
      })
    },
  }
  return { disk, readBytes: () => bytes }
}

test('who reads from a record in the middle reads little of what stands before it', async (t) => {
  const directory = await written(t)
  const { disk, readBytes } = counting()
  const wal = await openWal(t, { directory, disk, readOnly: true })
  for (const from of [0, 1, ...Array.from({ length: 13 }, (_, i) => (i + 1) * 300 - 1)]) {
    const before = readBytes()
    const records = await collect(wal.read({ from }))
    assert.deepEqual([records.length, records[0]?.seq], [RECORDS - from, from])
    const needed = (RECORDS - from) * DIMENSIONS * 4
    const read = readBytes() - before
    assert.ok(read >= needed && read < needed + 4 * 1024 * 1024, `${read} bytes read, ${needed} needed`)
  }
})

test('what is damaged behind the place where reading begins is told as ever', async (t) => {
  const directory = await written(t)
  const wal = await openWal(t, { directory, readOnly: true })
  const damaged = 2000
  const paths = (await readdir(directory)).filter(isSegment).map((name) => join(directory, name))
  const contents = await Promise.all(paths.map(async (path) => ({ path, content: await readFile(path) })))
  const { path, content } = contents.find((each) => each.content.includes(`id-${damaged}`))!
  content[content.indexOf(`id-${damaged}`)]! ^= 1
  await writeFile(path, content)
  await assert.rejects(collect(wal.read({ from: damaged - 10 })), { code: 'WALV_DAMAGED' })
  assert.equal((await collect(wal.read({ from: damaged + 1 }))).length, RECORDS - damaged - 1)
})

const isSegment = (name: string): boolean => name.endsWith('.walv')
