import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeV1Entry } from '../../src/v1/format/encode.ts'
import type { V1Entry } from '../../src/v1/format/entry.ts'
import { isRepeatedV1Header } from '../../src/v1/format/segment.ts'
import { readV1Directory } from '../../src/v1/read/reader.ts'
import { recoverV1 } from '../../src/v1/recover/recover.ts'
import {
  brief,
  collect,
  type Found,
  files,
  frame,
  header,
  insert,
  nth,
  rawFrame,
  segment,
  seqs,
} from './helpers.ts'
import { errno, MemoryDisk } from './memory-disk.ts'

const read = (disk: MemoryDisk): Promise<Found> => collect(readV1Directory(disk, '/log'))
const readFiles = (...segments: Buffer[]): Promise<Found> => read(MemoryDisk.of(files(...segments)))

/** A record that claims so many bytes. */
function claiming(bytes: number, record = frame(1)): Buffer {
  const claim = Buffer.from(record)
  claim.writeUInt32LE(bytes, 8)
  return claim
}

const wrongMagic = segment(2)
wrongMagic[0] = 0x77
const wrongVersion = segment(3)
wrongVersion[4] = 2
const CUT = 'The log ends in a record that was cut short while it was written.'
const CUT_WITHIN =
  'The file ends in a record that is cut short, but the log goes on elsewhere or it is not the record that comes next.'
const lost = (bytes: number, reason: string): string =>
  `Where records begin and end is lost for ${bytes} bytes: ${reason}.`
const LENGTH = frame(1).length

/**
 * What is wrong in the last of some files: what is told of it, in one line and in a sentence, and
 * the ids.
 */
const TOLD: readonly (readonly [content: Buffer[], brief: string, detail: string, ids?: string[]])[] = [
  [
    [Buffer.from('WALV')],
    'torn-creation false',
    "The file was never finished: it has 4 of a header's 16 bytes. There is no record in it.",
  ],
  [[segment(0), wrongMagic], 'segment-header 1.. null', 'The file is not read: it does not begin with WALV.'],
  [[segment(0), wrongVersion], 'segment-header 1.. null', 'The file is not read: it has version 2, not 1.'],
  [[segment(0, frame(1).subarray(0, 20))], 'torn-tail 1.. null', CUT, ['id-1']],
  [[segment(0, frame(1).subarray(0, 5))], 'torn-tail 1.. null', CUT],
  [[segment(frame(7).subarray(0, 5))], 'torn-tail 0.. null', CUT],
  [[segment(0, frame(1).subarray(0, 8))], 'torn-tail 1.. null', CUT],
  [[segment(0, frame(9).subarray(0, 7))], 'torn-tail 1.. null', CUT],
  [[segment(0, frame(9).subarray(0, 8))], 'corrupt 1.. null', CUT_WITHIN],
  [[segment(0, frame(9).subarray(0, 11))], 'corrupt 1.. null', CUT_WITHIN],
  [[segment(0, frame(9).subarray(0, 20))], 'corrupt 1.. null', CUT_WITHIN, ['id-9']],
  [[segment(0, frame(1, insert('')).subarray(0, -1))], 'torn-tail 1.. null', CUT],
  [[segment(0, claiming(100))], 'torn-tail 1.. null', CUT],
  [
    [segment(0, Buffer.alloc(30))],
    'torn-tail 1.. null',
    'There is nothing but zeros in 30 bytes at the end of the log.',
  ],
  [[segment(0, Buffer.alloc(24), 1)], 'corrupt null', 'There is nothing but zeros in 24 bytes.'],
  [
    [segment(0, rawFrame(1, new Uint8Array()))],
    'corrupt 1..1 null',
    "Record 1 cannot be read: the kind of entry is cut short (byte 0 of the payload's 0). Reading goes on with the next record.",
  ],
  [
    [segment(0, claiming(2 ** 31), 2)],
    'corrupt 1.. null',
    lost(
      LENGTH + frame(2).length,
      'a record claims 2147483648 bytes, more than the 100000000 that v1 allows',
    ),
  ],
  [
    [segment(0, Buffer.alloc(12, 0xff))],
    'corrupt 1.. null',
    lost(12, 'a record claims 4294967295 bytes, more than the 100000000 that v1 allows'),
  ],
  [
    [segment(0, Buffer.alloc(15, 0xff))],
    'corrupt 1.. null',
    lost(15, 'a record claims 4294967295 bytes, more than the 100000000 that v1 allows'),
  ],
  [
    [segment(0, claiming(5000).subarray(0, 20), header(), 2)],
    'corrupt 1..1 null',
    lost(20, 'a record claims 5000 bytes, more than the file holds'),
    ['id-1'],
  ],
  [
    [segment(0, claiming(LENGTH + 40, rawFrame(1, Buffer.from('c'))), header(), 2, 3, 4)],
    'corrupt 1..1 null',
    lost(13, `there is no kind of entry 99 (byte 1 of the payload's ${LENGTH + 40})`),
  ],
  [
    [segment(0, frame(1, insert('wide', ...new Array(16).fill(1))).subarray(0, 42), header(), 2, 3, 4)],
    'corrupt 1..1 null',
    lost(42, 'a record is cut short by a header'),
  ],
  [
    [segment(0, 7, header(), 2)],
    'order false',
    'Record 2 stands behind record 7: the log was reopened here and started over, or the clock was set back. Nothing is lost.',
  ],
  [
    [segment(0, 7, 2)],
    'order null',
    'Record 2 stands behind record 7: two writers shared the log, or the number is damaged. The record is read all the same.',
  ],
]

test('of every damage it is told in a sentence what is wrong, and which ids are lost', async () => {
  for (const [content, line, sentence, ids = []] of TOLD) {
    const { damages } = await readFiles(...content)
    const [damage] = damages
    assert.deepEqual([damages.length, damage && brief(damage), damage?.detail], [1, line, sentence])
    assert.deepEqual(damage?.ids, ids, sentence)
  }
})

test('what is named like a segment and is none is told as what it may be', async () => {
  const disk = MemoryDisk.of(files(segment(0)))
  disk.others.push({ name: nth(2), kind: 'directory' }, { name: nth(3), kind: 'other' })
  disk.before = (operation, path) => {
    if (operation === 'list' && path !== '/log') throw errno('EACCES')
  }
  const place = { kind: 'foreign', offset: 0, bytes: 0, seqs: [], ids: [] }
  assert.deepEqual((await read(disk)).damages, [
    {
      ...place,
      file: nth(2),
      acknowledged: false,
      detail: 'This is named like a segment but is no file; it is left alone.',
    },
    {
      ...place,
      file: nth(3),
      acknowledged: null,
      detail:
        'This is named like a segment but is a link, a pipe or a device; it is not read. If it is a link, put the file in its place.',
    },
  ])
})

test('a record that cannot be read has used up its number, and the next may follow it', async () => {
  const bad = rawFrame(1, Buffer.from('c'))
  const found = await readFiles(segment(0, bad, frame(2).subarray(0, 20)))
  assert.deepEqual(found.damages.map(brief), ['corrupt 1..1 null', 'torn-tail 2.. null'])
})

test('a file that is gone when the end of the one before it is judged holds nothing', async () => {
  const disk = MemoryDisk.of(files(segment(0, frame(1).subarray(0, 20)), segment(2)))
  disk.before = (operation, path) => {
    if (operation === 'open-read' && path.endsWith(nth(2))) disk.files.delete(path)
  }
  assert.deepEqual((await read(disk)).damages.map(brief), ['torn-tail 1.. null'])
})

test('no header is seen that begins in the last byte of the record before', async () => {
  const before = rawFrame(0, Buffer.concat([encodeV1Entry(insert('a')), Buffer.from('W')]))
  // Taken for a header from there on, its time would be behind 1973.
  for (const length of [0x7099_0010, 0x0599_0010, 0x07_0010]) {
    const rest = Buffer.alloc(12 + (length === 0x07_0010 ? length : 16), 99)
    Buffer.from('ALV\x01\0\0\0\xf0', 'latin1').copy(rest)
    rest.writeUInt32LE(length, 8)
    assert.ok(isRepeatedV1Header(Buffer.concat([Buffer.from('W'), rest])))
    const found = await readFiles(segment(before, rest))
    assert.deepEqual(seqs(found), [0])
    assert.deepEqual(
      found.damages.map(({ offset, bytes }) => [offset, bytes]),
      [[16 + before.length, rest.length]],
    )
  }
})

test('what stands behind a record with a header in it decides whether it is one, a few bytes as well', async () => {
  const inner: V1Entry = { type: 'delete', id: '12345', timestamp: 0n }
  const forged = Buffer.concat([header(), frame(9, inner)])
  const vector = new Float32Array(Uint8Array.from(forged).buffer)
  const holder = frame(1, { ...insert('x'), vector } as V1Entry)
  for (const [rest, expected] of [
    [frame(2), [0, 1, 2]],
    [Buffer.alloc(0), [0, 1]],
    [Buffer.alloc(3), [0, 1]],
    [Buffer.from([1, 2, 3]), [0, 9]],
    [rawFrame(2, Buffer.from('c')), [0, 9]],
  ] as const)
    assert.deepEqual(seqs(await readFiles(segment(0, holder, rest))), expected, rest.toString('hex'))
})

test('a refusal tells what to do, and lists a hundred damages at most', async () => {
  const bad = rawFrame(1, Buffer.from('c'))
  const disk = MemoryDisk.of(files(segment(0, ...new Array<Buffer>(120).fill(bad))))
  await assert.rejects(
    collect(recoverV1(disk, '/log')),
    (error: { detail: unknown[] }) => error.detail.length === 100,
  )
  await assert.rejects(collect(recoverV1(disk, '/log', { policy: 'x' as never })), {
    message: `policy is "x"; give 'strict' or 'salvage'.`,
  })
  const changing = MemoryDisk.of(files(segment(0)))
  let opened = 0
  changing.before = (operation, path) => {
    if (operation === 'open-read' && ++opened === 2) changing.files.set(path, segment(7))
  }
  await assert.rejects(collect(recoverV1(changing, '/log')), {
    message: `${nth(1)} was changed at offset 16 while it was recovered. Stop whatever writes to it and try again.`,
  })
})

test('a recovery opens each file twice: to look, and to give out what is in it', async () => {
  const disk = MemoryDisk.of(files(segment(0, 1, 2), segment(3, 4)))
  await collect(recoverV1(disk, '/log'))
  assert.deepEqual(
    disk.calls.filter((call) => call.startsWith('open')),
    [1, 2, 1, 2].map((n) => `open-read /log/${nth(n)}`),
  )
})
