import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mock, test } from 'node:test'
import { openHnswlibIndex } from '../../../src/cli/import/hnswlib-index.ts'
import { temporaryDirectory } from '../../support/kit.ts'

/** An index of one point of one dimension, with so many bytes of links above level 0. */
function indexOf(linkBytes: number): Buffer {
  const bytes = Buffer.alloc(96 + 20 + 4 + linkBytes)
  const maxLinks = linkBytes / 4 - 1
  const fields = [0, 1, 1, 20, 12, 8, 0, maxLinks, 1, maxLinks]
  for (const [index, field] of fields.entries()) bytes.writeBigUInt64LE(BigInt(field), 8 * index)
  bytes.writeInt32LE(1, 48)
  bytes.writeUInt32LE(linkBytes, 96 + 20)
  return bytes
}

test('a point that claims many links is put together once, not again for each piece that is read', async (t) => {
  const file = join(await temporaryDirectory(t), 'hnswlib.index')
  const content = indexOf(8 * 1024 * 1024)
  await writeFile(file, content)
  let copied = 0
  const { concat } = Buffer
  const mocked = mock.method(Buffer, 'concat', (pieces: readonly Uint8Array[], length?: number) => {
    const whole = concat.call(Buffer, pieces, length)
    copied += whole.length
    return whole
  })
  t.after(() => mocked.mock.restore())
  const index = await openHnswlibIndex(file)
  assert.deepEqual([index.count, index.dimensions], [1, 1])
  assert.ok(copied < 2 * content.length, `${copied} bytes were copied of ${content.length}`)
})
