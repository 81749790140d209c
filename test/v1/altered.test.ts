import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { V1Entry } from '../../src/v1/format/entry.ts'
import { readV1Directory } from '../../src/v1/read/reader.ts'
import { collect, type Found, files, frame, header, insert, nth, segment } from './helpers.ts'
import { MemoryDisk } from './memory-disk.ts'

const read = (disk: MemoryDisk): Promise<Found> => collect(readV1Directory(disk, '/log'))
const readFiles = (...segments: Buffer[]): Promise<Found> => read(MemoryDisk.of(files(...segments)))

test('no change of a single byte makes the reader throw, and no record before it is touched', async () => {
  const batch: V1Entry = {
    type: 'batch',
    entries: [insert('b'), { type: 'delete', id: 'b', timestamp: 5n }],
    timestamp: 6n,
  }
  const bytes = segment(
    0,
    header(),
    frame(1, batch),
    frame(2, { ...insert('c'), metadata: new Map([['k', 'v']]) } as V1Entry),
  )
  const disk = MemoryDisk.of({ [nth(1)]: bytes, [nth(2)]: segment(8) })
  const { records } = await read(disk)
  assert.equal(records.length, 4)
  for (let at = 0; at < bytes.length; at++) {
    const before = records.filter(
      ({ file, offset, payload }) => file === nth(1) && offset + 12 + payload.length <= at,
    )
    for (let value = 0; value < 256; value++) {
      const changed = Buffer.from(bytes)
      changed[at] = value
      disk.files.set(`/log/${nth(1)}`, changed)
      const found = await read(disk)
      const intact =
        at < 16 || before.every(({ payload }, n) => Buffer.compare(payload, found.records[n]!.payload) === 0)
      assert.ok(intact, `byte ${at} = ${value}: a record before it is touched`)
      assert.equal(found.records.at(-1)?.seq, 8n, `byte ${at} = ${value}: the other file is not read`)
    }
  }
})

test('a file that is cut anywhere gives every record before the cut, and a damage unless it is cut between records', async () => {
  const bytes = segment(0, 1, header(), 2, 3)
  const { records } = await readFiles(bytes)
  const ends = [16, ...records.map(({ offset, payload }) => offset + 12 + payload.length), records[2]!.offset]
  for (let size = 0; size < bytes.length; size++) {
    const found = await readFiles(bytes.subarray(0, size))
    assert.equal(found.records.length, records.filter((_, n) => ends[n + 1]! <= size).length)
    const kind = size < 16 ? ['torn-creation'] : ends.includes(size) ? [] : ['torn-tail']
    assert.deepEqual(
      found.damages.map((damage) => damage.kind),
      kind,
      `cut to ${size}`,
    )
  }
})
