import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { encodeV1Entry } from '../../src/v1/format/encode.ts'
import type { V1Entry } from '../../src/v1/format/entry.ts'
import { readV1Directory } from '../../src/v1/read/reader.ts'
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
  temporaryDirectory,
} from './helpers.ts'
import { errno, MemoryDisk } from './memory-disk.ts'

const read = (disk: MemoryDisk): Promise<Found> => collect(readV1Directory(disk, '/log'))
const readFiles = (...segments: Buffer[]): Promise<Found> => read(MemoryDisk.of(files(...segments)))
const briefly = ({ damages }: Found): string[] => damages.map(brief)

test('reading goes on behind a repeated header, and nothing is damaged', async () => {
  const found = await readFiles(segment(0, 1, header(), header(), 2, header(1_800_000_000), 3))
  assert.deepEqual(seqs(found), [0, 1, 2, 3])
  assert.deepEqual(briefly(found), [])
  assert.deepEqual(
    found.items.map((item) => item.record && item.section),
    [0, 0, 2, 3],
  )
})

test('a number that reads like a header is a record all the same', async () => {
  const seq = 0x1_564c_4157n
  const found = await readFiles(segment(frame(seq), frame(seq + 1n)))
  assert.deepEqual(
    found.records.map((record) => record.seq),
    [seq, seq + 1n],
  )
  assert.deepEqual(briefly(found), [])
})

test('a record that was cut short before a header was appended hides nothing behind the header', async () => {
  for (const cut of [1, 5, 8, 11, 12, 13, 20, 24, 28]) {
    const found = await readFiles(segment(0, frame(1).subarray(0, cut), header(), 1, 2))
    assert.deepEqual(seqs(found), [0, 1, 2], `cut after ${cut} bytes`)
    assert.deepEqual(briefly(found), ['corrupt null'], `cut after ${cut} bytes`)
    assert.equal(found.damages[0]!.bytes, cut)
  }
})

test('a record that was cut short is not read with what follows a header in its place', async () => {
  // The vector of record 1 takes up the header and record 2; what comes next in record 3 serves as
  // its end.
  const wide = frame(1, insert('wide', ...new Array(16).fill(1)))
  const tail = header().length + frame(2).length
  for (let cut = 12; cut < wide.length; cut++) {
    // Ending exactly where record 2 or the header ends, it cannot be told from a record whose
    // content looks like that.
    if (cut === wide.length - tail || cut === wide.length - header().length) continue
    const found = await readFiles(segment(0, wide.subarray(0, cut), header(), 2, 3, 4))
    assert.deepEqual(seqs(found), [0, 2, 3, 4], `cut after ${cut} bytes`)
    assert.deepEqual(briefly(found), ['corrupt 1..1 null'], `cut after ${cut} bytes`)
  }
})

test('a record that holds the bytes of a header and a record is one record all the same', async () => {
  const id = frame(1, { ...insert('x'), id: header(0x6b02_0510).toString('latin1') } as V1Entry)
  // Whoever chooses vectors must not be able to write records.
  const forged = Buffer.concat([header(), frame(9, { type: 'delete', id: '1', timestamp: 0n })])
  assert.equal(forged.length % 4, 0)
  const vector = new Float32Array(Uint8Array.from(forged).buffer)
  const floats = frame(1, { ...insert('x'), vector } as V1Entry)
  for (const holder of [id, floats]) {
    for (const rest of [[], [2], [header(), 2], [Buffer.alloc(24)]]) {
      const found = await readFiles(segment(0, holder, ...rest))
      assert.deepEqual(seqs(found), [0, 1, 2].slice(0, rest.includes(2) ? 3 : 2))
      assert.deepEqual(Buffer.from(found.records[1]!.payload), holder.subarray(12))
    }
  }
})

test('behind a length that cannot be, reading goes on with the next header, and what is missing is named', async () => {
  for (const length of [100_000_001, 2 ** 32 - 1, 5_000_000]) {
    const bad = frame(1)
    bad.writeUInt32LE(length, 8)
    const found = await readFiles(segment(0, bad, 2, 3, header(), 4))
    assert.deepEqual(seqs(found), [0, 4])
    assert.deepEqual(briefly(found), ['corrupt 1..3 null'])
    assert.deepEqual(
      found.items.map((item) => item.damage?.kind),
      [undefined, 'corrupt', undefined],
    )
  }
})

test('what is missing has no known end where the log starts over behind it', async () => {
  const bad = frame(6)
  bad.writeUInt32LE(2 ** 31, 8)
  const found = await readFiles(segment(5, bad, header(), 0))
  assert.deepEqual(briefly(found), ['corrupt 6.. null', 'order false'])
})

test('the number of a record that cannot be read is not believed if it is not the next', async () => {
  const found = await readFiles(segment(0, rawFrame(99, Buffer.from('c')), 2, 3))
  assert.deepEqual(briefly(found), ['corrupt 99..99 null'])
})

test('the first record behind a header may bear any number, also if it is cut short', async () => {
  assert.deepEqual(briefly(await readFiles(segment(frame(7).subarray(0, 20)))), ['torn-tail 7.. null'])
  assert.deepEqual(briefly(await readFiles(segment(10), segment(frame(0).subarray(0, 20)))), [
    'torn-tail 0.. null',
  ])
})

test('a length of exactly 100 000 000 is a length, not damage in itself', async () => {
  const claim = frame(1)
  claim.writeUInt32LE(100_000_000, 8)
  assert.deepEqual(briefly(await readFiles(segment(0, claim))), ['torn-tail 1.. null'])
  claim.writeUInt32LE(100_000_001, 8)
  assert.deepEqual(briefly(await readFiles(segment(0, claim))), ['corrupt 1.. null'])
})

test('a cut end of a file is no torn tail if records follow in another file', async () => {
  const disk = MemoryDisk.of(files(segment(0, frame(1).subarray(0, 20)), segment(4, 5)))
  const found = await read(disk)
  assert.equal(disk.openFiles, 0)
  assert.deepEqual(seqs(found), [0, 4, 5])
  assert.deepEqual(briefly(found), ['corrupt 1..3 null'])
})

test('a cut end is the torn tail of the log also if files without records follow', async () => {
  const torn = segment(0, frame(1).subarray(0, 20))
  assert.deepEqual(briefly(await readFiles(torn, header())), ['torn-tail 1.. null'])
  assert.deepEqual(
    briefly(await readFiles(torn, Buffer.alloc(0))),
    ['torn-creation false', 'torn-tail 1.. null'].toReversed(),
  )
})

test('a repeated header that is cut short is a torn tail', async () => {
  for (const cut of [1, 7, 8, 11, 12, 15]) {
    assert.deepEqual(briefly(await readFiles(segment(0, header().subarray(0, cut)))), ['torn-tail 1.. null'])
  }
})

test('a run of zeros between frames is one damage, and the frames behind it are read', async () => {
  // 256 and 65 536 begin with zeros that belong to the frame.
  for (const next of [1, 256, 65_536]) {
    const found = await readFiles(segment(next - 1, Buffer.alloc(12 * 1000), next, next + 1))
    assert.deepEqual(seqs(found), [next - 1, next, next + 1])
    assert.deepEqual(briefly(found), ['corrupt null'])
    assert.deepEqual(
      [found.damages[0]!.offset, found.damages[0]!.bytes],
      [found.records[1]!.offset - 12_000, 12_000],
    )
  }
})

test('zeros that end a file are one damage however many they are', async () => {
  for (const count of [1, 11, 12, 13, 1024 * 1024, 3 * 1024 * 1024 + 5]) {
    const found = await readFiles(segment(0, Buffer.alloc(count)))
    assert.deepEqual(briefly(found), ['torn-tail 1.. null'])
    assert.equal(found.damages[0]!.bytes, count)
    assert.deepEqual(briefly(await readFiles(segment(0, Buffer.alloc(count)), segment(1))), ['corrupt null'])
  }
})

test('the ids of lost records are told as far as they can be read', async () => {
  const cut = await readFiles(segment(frame(0, insert('half', 1, 2, 3)).subarray(0, 24)))
  assert.deepEqual(cut.damages[0]!.ids, ['half'])
  const payload = encodeV1Entry(insert('bad'))
  payload[payload.length - 5] = 0xff
  const undecodable = await readFiles(segment(rawFrame(0, payload)))
  assert.deepEqual(undecodable.damages[0]!.ids, ['bad'])
})

test('records of every size are read across the edges of the window', async () => {
  const parts: Buffer[] = []
  for (let seq = 0; seq < 400; seq++) {
    const size = [0, 1, 3_000, 100_000, 300_000][seq % 5]! + seq
    parts.push(frame(seq, insert(`id-${seq}`, ...new Array((size / 4) | 0).fill(seq))))
    if (seq % 7 === 0) parts.push(header())
  }
  const big = frame(400, { ...insert('big'), vector: new Float32Array(1_500_000).fill(0.5) } as V1Entry)
  const found = await readFiles(segment(...parts, big, 401))
  assert.deepEqual(
    seqs(found),
    Array.from({ length: 402 }, (_, seq) => seq),
  )
  assert.deepEqual(briefly(found), [])
  for (const { seq, entry } of found.records) {
    if (entry.type !== 'insert' || seq >= 400n) continue
    assert.ok(entry.vector.every((element) => element === Number(seq)))
  }
  assert.deepEqual(Buffer.from(found.records[400]!.payload), big.subarray(12))
})

test('a header is found wherever it stands in the window', async () => {
  const junk = Buffer.alloc(1024 * 1024 + 16, 0xff)
  for (let place = 1024 * 1024 - 64; place < 1024 * 1024 + 16; place++) {
    const found = await readFiles(segment(0, junk.subarray(0, place), header(), 7))
    assert.deepEqual(seqs(found), [0, 7])
    assert.deepEqual(briefly(found), ['corrupt 1..6 null'])
  }
})

test('a number not above the one before is named, and its record is read', async () => {
  const found = await readFiles(segment(0, 1, 66, 3, 4, 4))
  assert.deepEqual(seqs(found), [0, 1, 66, 3, 4, 4])
  assert.deepEqual(briefly(found), ['order null', 'order null'])
  assert.deepEqual(
    found.items.map((item) => item.damage?.offset === item.record?.offset),
    new Array(8).fill(false),
  )
  assert.match(found.damages[0]!.detail, /Record 3 stands behind record 66/)
})

test('a log that starts over is named once, at the boundary', async () => {
  const inFile = await readFiles(segment(0, 1, 2, header(), 0, 1, 2))
  assert.deepEqual(briefly(inFile), ['order false'])
  const inFiles = await readFiles(segment(0, 1, 2), segment(0, 1, 2), segment(3), segment(0))
  assert.deepEqual(briefly(inFiles), ['order false', 'order false'])
  assert.deepEqual(seqs(inFiles), [0, 1, 2, 0, 1, 2, 3, 0])
})

test('files without a header are left out and named, and the others are read', async () => {
  const wrongMagic = segment(2)
  wrongMagic[0] = 0x77
  const wrongVersion = segment(3)
  wrongVersion[4] = 2
  const found = await readFiles(segment(0, 1), wrongMagic, wrongVersion, Buffer.from('WALV'), segment(4))
  assert.deepEqual(seqs(found), [0, 1, 4])
  assert.deepEqual(briefly(found), [
    'segment-header 2.. null',
    'segment-header 2.. null',
    'torn-creation false',
  ])
  const [, version] = found.damages
  assert.deepEqual([version!.file, version!.offset, version!.bytes], [nth(3), 0, wrongVersion.length])
})

test('files are read in the byte order of their names, and only those that are named like segments', async () => {
  const disk = MemoryDisk.of({
    'wal-\u{1f600}.log': segment(4),
    'wal-\uff5e.log': segment(3),
    'wal-b.log': segment(2),
    'wal-B.log': segment(1),
    'wal-.log': segment(0),
    'wal-a.log.tmp': segment(9),
    'xwal-a.log': segment(9),
    LOCK: Buffer.alloc(3),
  })
  const found = await read(disk)
  assert.deepEqual(seqs(found), [0, 1, 2, 3, 4])
  assert.deepEqual(briefly(found), [])
})

test('what is named like a segment but is no file is left alone and named', async (t) => {
  const directory = temporaryDirectory(t)
  fs.writeFileSync(join(directory, nth(2)), segment(0))
  fs.mkdirSync(join(directory, nth(1)))
  fs.symlinkSync(join(directory, 'nowhere'), join(directory, nth(3)))
  fs.symlinkSync(directory, join(directory, nth(4)))
  const found = await collect(readV1Directory(nodeDisk, directory))
  assert.deepEqual(seqs(found), [0])
  assert.deepEqual(briefly(found), ['foreign false', 'foreign false', 'foreign false'])
  assert.deepEqual(
    found.damages.map(({ file }) => file),
    [nth(1), nth(3), nth(4)],
  )
})

test('what cannot be told from a pipe is not opened, and may be lost', async () => {
  const disk = MemoryDisk.of(files(segment(0)))
  disk.others.push({ name: nth(2), kind: 'other' })
  disk.before = (operation, path) => {
    if (operation === 'list' && path.endsWith('.log')) throw errno('ENOTDIR')
    assert.ok(operation !== 'open-read' || !path.endsWith(nth(2)))
  }
  assert.deepEqual(briefly(await read(disk)), ['foreign null'])
})

test('an empty directory holds nothing', async () => {
  assert.deepEqual((await read(new MemoryDisk())).items, [])
})

test('a directory that is missing, is a file or may not be read is refused by name', async (t) => {
  const directory = temporaryDirectory(t)
  const file = join(directory, 'file')
  fs.writeFileSync(file, '')
  await assert.rejects(collect(readV1Directory(nodeDisk, join(directory, 'none'))), {
    code: 'WALV_NO_DIRECTORY',
  })
  await assert.rejects(collect(readV1Directory(nodeDisk, file)), { code: 'WALV_NOT_A_DIRECTORY', file })
  const disk = new MemoryDisk()
  disk.before = () => {
    throw errno('EACCES')
  }
  await assert.rejects(read(disk), { code: 'WALV_PERMISSION' })
})

test('a disk that fails is an error, not damage, and every file is closed', async () => {
  for (const operation of ['open-read', 'size', 'read']) {
    const disk = MemoryDisk.of(files(segment(0), segment(1)))
    disk.before = (doing, path) => {
      if (doing === operation && path.endsWith(nth(2))) throw errno('EIO')
    }
    await assert.rejects(read(disk), { code: 'WALV_IO', file: `/log/${nth(2)}` })
    assert.equal(disk.openFiles, 0)
  }
})

test('a file that is removed after the listing is passed over', async () => {
  const disk = MemoryDisk.of(files(segment(0), segment(1), segment(2)))
  disk.before = (operation, path) => {
    if (operation === 'open-read' && path.endsWith(nth(1))) disk.files.delete(path)
  }
  assert.deepEqual(seqs(await read(disk)), [1, 2])
})

test('a file that turns out shorter than it said ends where it ends', async () => {
  const disk = MemoryDisk.of(files(segment(0, 1)))
  disk.claimedSize = 100_000_000
  const found = await read(disk)
  assert.deepEqual(seqs(found), [0, 1])
  assert.deepEqual(briefly(found), [])
})

test('a caller that stops early leaves no file open', async () => {
  const disk = MemoryDisk.of(files(segment(0, 1), segment(2)))
  for await (const { record } of readV1Directory(disk, '/log')) if (record) break
  assert.ok(disk.calls.includes(`open-read /log/${nth(1)}`))
  assert.equal(disk.openFiles, 0)
})

test('an abort ends the reading with an error that holds the reason', async () => {
  const disk = MemoryDisk.of(files(segment(0, 1, 2), segment(3)))
  const controller = new AbortController()
  const reason = new Error('enough')
  const found: number[] = []
  await assert.rejects(
    async () => {
      for await (const { record } of readV1Directory(disk, '/log', { signal: controller.signal })) {
        found.push(Number(record!.seq))
        controller.abort(reason)
      }
    },
    { code: 'WALV_ABORTED', cause: reason },
  )
  assert.deepEqual(found, [0])
  assert.equal(disk.openFiles, 0)
})
