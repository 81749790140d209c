import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import type { V1Entry } from '../../src/v1/format/entry.ts'
import { readV1Directory } from '../../src/v1/read/reader.ts'
import { V1Writer } from '../../src/v1/writer.ts'
import { entries, u64 } from './arbitraries.ts'
import {
  bits,
  collect,
  fixtureNames,
  frame,
  header,
  insert,
  loadFixture,
  seqs,
  temporaryDirectory,
} from './helpers.ts'
import { errno, MemoryDisk } from './memory-disk.ts'

const closed = (disk: MemoryDisk): Promise<V1Writer> => V1Writer.create(disk, '/log')

test('what is written is read back, bit for bit, without damage', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(u64, entries), { maxLength: 20 }),
      fc.nat(500),
      async (records, maxFileBytes) => {
        const disk = new MemoryDisk()
        const writer = await V1Writer.create(disk, '/log', { maxFileBytes: maxFileBytes + 1 })
        const sorted = records
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .filter(([seq], n, all) => seq !== all[n - 1]?.[0])
        for (const [seq, entry] of sorted) await writer.append(seq, entry)
        await writer.close()
        const found = await collect(readV1Directory(disk, '/log'))
        assert.deepEqual(found.damages, [])
        assert.deepEqual(
          found.records.map(({ seq, entry }) => [seq, bits(entry)]),
          sorted.map(([seq, entry]) => [seq, bits(entry)]),
        )
      },
    ),
  )
})

test('files are the same bytes as the original wrote for the same entries', async (t) => {
  const root = temporaryDirectory(t)
  for (const name of fixtureNames) {
    const { about, damage, directory, files, records } = loadFixture(name)
    const pristine = damage === undefined && !about.startsWith('DEFECT') && !name.startsWith('crafted')
    if (!pristine || files.length !== 1) continue
    const target = join(root, name)
    const writer = await V1Writer.create(nodeDisk, target)
    for (const { seq, entry } of records) await writer.append(seq, entry!)
    await writer.close()
    const [file] = fs.readdirSync(target)
    const written = fs.readFileSync(join(target, file!))
    const original = fs.readFileSync(join(directory, files[0]!.name))
    // Metadata of several pairs has no fixed order in the original; the expectation lists it
    // sorted.
    const ordered = records.every(({ entry }) => !('metadata' in entry!) || (entry.metadata?.size ?? 0) < 2)
    if (ordered) assert.deepEqual(written.subarray(16), original.subarray(16), name)
    assert.equal(written.length, original.length, name)
    assert.deepEqual(written.subarray(0, 8), original.subarray(0, 8))
    assert.equal(file, `wal-${written.readBigUInt64LE(8).toString(16).padStart(16, '0')}.log`)
  }
  assert.ok(fs.readdirSync(root).length >= 10)
})

test('payloads are written as they are', async () => {
  const disk = new MemoryDisk()
  const writer = await closed(disk)
  const payload = Buffer.from('0201610500ff', 'hex')
  await writer.writeFrame(7n, payload)
  await writer.close()
  const [record] = (await collect(readV1Directory(disk, '/log'))).records
  assert.deepEqual([record!.seq, Buffer.from(record!.payload), record!.trailingBytes], [7n, payload, 2])
})

test('a file is followed by the next before it outgrows its limit, and the names go on by the second', async (t) => {
  const directory = join(temporaryDirectory(t), 'log')
  const started = Math.floor(Date.now() / 1000)
  const writer = await V1Writer.create(nodeDisk, directory, { maxFileBytes: 200 })
  const large = { ...insert('large'), vector: new Float32Array(100) } as V1Entry
  for (let seq = 0; seq < 40; seq++)
    await writer.append(BigInt(seq), seq === 20 ? large : insert(`${seq}`, seq))
  await writer.close()
  const names = fs.readdirSync(directory).toSorted()
  const seconds = names.map((name) => Number.parseInt(name.slice(4, 20), 16))
  assert.ok(seconds[0]! >= started && seconds[0]! <= started + 60)
  assert.deepEqual(
    seconds,
    Array.from(seconds, (_, n) => seconds[0]! + n),
  )
  const sizes = names.map((name) => fs.statSync(join(directory, name)).size)
  assert.equal(sizes.filter((size) => size > 200).length, 1)
  assert.ok(sizes.every((size) => size > 16))
  const found = await collect(readV1Directory(nodeDisk, directory))
  assert.deepEqual(
    seqs(found),
    Array.from({ length: 40 }, (_, seq) => seq),
  )
  assert.deepEqual(found.damages, [])
  assert.equal(found.records.filter(({ file }) => file === found.records[20]!.file).length, 1)
})

test('an entry larger than the buffer is written whole', async () => {
  const disk = new MemoryDisk()
  const writer = await closed(disk)
  const vector = new Float32Array(700_000).map((_, n) => n)
  const wide: V1Entry = { type: 'insert', id: 'wide', vector, metadata: null, timestamp: 0n }
  for (const [seq, entry] of [insert('a'), wide, insert('b'), wide].entries())
    await writer.append(BigInt(seq), entry)
  await writer.close()
  const found = await collect(readV1Directory(disk, '/log'))
  assert.deepEqual(
    found.records.map(({ entry }) => bits(entry)),
    [insert('a'), wide, insert('b'), wide].map(bits),
  )
})

test('calls that are not waited for take effect in their order', async () => {
  const disk = new MemoryDisk()
  const writer = await V1Writer.create(disk, '/log', { maxFileBytes: 100_000 })
  const appends = Array.from({ length: 5_000 }, (_, seq) =>
    writer.append(BigInt(seq), insert(`${seq}`, 1, 2, 3, 4)),
  )
  await Promise.all([...appends, writer.close()])
  const found = await collect(readV1Directory(disk, '/log'))
  assert.deepEqual(
    seqs(found),
    Array.from({ length: 5_000 }, (_, seq) => seq),
  )
})

test('every file is synced before it is closed, and the names last', async () => {
  const disk = new MemoryDisk()
  const writer = await V1Writer.create(disk, '/parent/log', { maxFileBytes: 1 })
  for (let seq = 0n; seq < 3n; seq++) await writer.append(seq, insert(`${seq}`))
  await writer.close()
  const calls = disk.calls.map((call) => call.replace(/wal-.*/, 'file'))
  const perFile = ['open-create', 'write', 'sync', 'close'].map(
    (operation) => `${operation} /parent/log/file`,
  )
  assert.deepEqual(calls, [
    'makeDirectory /parent/log',
    'syncDirectory /parent',
    'list /parent/log',
    ...perFile,
    ...perFile,
    ...perFile,
    'syncDirectory /parent/log',
  ])
})

test('a log without records is a header, as the original writes it', async () => {
  const disk = new MemoryDisk()
  await using writer = await closed(disk)
  await writer.close()
  const [bytes] = disk.files.values()
  assert.deepEqual(bytes, header(Number(bytes!.readBigUInt64LE(8))))
})

test('what v1 cannot hold is refused, and the writer goes on', async () => {
  const disk = new MemoryDisk()
  const writer = await closed(disk)
  for (const seq of [-1n, 2n ** 64n, 5]) {
    await assert.rejects(writer.append(seq as bigint, insert('a')), { code: 'WALV_INVALID_ENTRY' })
  }
  await assert.rejects(writer.append(0n, insert('\ud800')), { code: 'WALV_INVALID_ENTRY' })
  await assert.rejects(writer.writeFrame(0n, new Uint8Array(100_000_001)), { code: 'WALV_INVALID_ENTRY' })
  await writer.append(2n ** 64n - 1n, insert('good'))
  await writer.close()
  const found = await collect(readV1Directory(disk, '/log'))
  assert.deepEqual(
    found.records.map(({ seq, entry }) => [seq, 'id' in entry && entry.id]),
    [[2n ** 64n - 1n, 'good']],
  )
})

test('a directory that holds a v1 log is left as it is', async (t) => {
  const directory = temporaryDirectory(t)
  const writer = await V1Writer.create(nodeDisk, directory)
  await writer.close()
  const before = fs.readdirSync(directory)
  await assert.rejects(V1Writer.create(nodeDisk, directory), { code: 'WALV_INVALID_OPTION', file: directory })
  assert.deepEqual(fs.readdirSync(directory), before)
})

test('a directory that cannot be made or is a file is refused by name', async (t) => {
  const directory = temporaryDirectory(t)
  const file = join(directory, 'file')
  fs.writeFileSync(file, '')
  await assert.rejects(V1Writer.create(nodeDisk, join(directory, 'none', 'log')), {
    code: 'WALV_NO_DIRECTORY',
  })
  await assert.rejects(V1Writer.create(nodeDisk, file), { code: 'WALV_NOT_A_DIRECTORY', file })
  await assert.rejects(V1Writer.create(nodeDisk, join(file, 'log')), { code: 'WALV_NOT_A_DIRECTORY' })
  for (const maxFileBytes of [0, 1.5, Number.NaN]) {
    const options = { maxFileBytes }
    await assert.rejects(V1Writer.create(nodeDisk, directory, options), { code: 'WALV_INVALID_OPTION' })
  }
})

test('after a failure every call fails, and the file is closed', async () => {
  const failures = [
    ['write', 'ENOSPC', 'WALV_DISK_FULL'],
    ['sync', 'EIO', 'WALV_IO'],
    ['open-create', 'EACCES', 'WALV_PERMISSION'],
  ] as const
  for (const [operation, cause, code] of failures) {
    const disk = new MemoryDisk()
    const writer = await V1Writer.create(disk, '/log', { maxFileBytes: 1 })
    await writer.append(0n, insert('a'))
    disk.before = (doing) => {
      if (doing === operation) throw errno(cause)
    }
    await assert.rejects(writer.append(1n, insert('b')), { code })
    disk.before = () => {}
    await assert.rejects(writer.append(2n, insert('c')), { code })
    await assert.rejects(writer.close(), { code })
    await assert.rejects(writer.close(), { code })
    assert.equal(disk.openFiles, 0)
  }
})

test('a closed writer refuses to write and can be closed again', async () => {
  const writer = await closed(new MemoryDisk())
  await writer.close()
  await assert.rejects(writer.append(0n, insert('a')), { code: 'WALV_CLOSED' })
  await writer.close()
})

test('what it refuses, it tells why', async (t) => {
  const directory = temporaryDirectory(t)
  const writer = await V1Writer.create(nodeDisk, join(directory, 'log'))
  const refused = 'Format v1 cannot hold this record: '
  await assert.rejects(writer.append(-1n, insert('a')), {
    message: `${refused}its sequence number is -1n, not a bigint of 0 to 2^64 - 1. Nothing was written.`,
  })
  await assert.rejects(writer.writeFrame(0n, new Uint8Array(100_000_001)), {
    message: `${refused}its payload has 100000001 bytes, more than 100000000. Nothing was written.`,
  })
  await writer[Symbol.asyncDispose]()
  await assert.rejects(writer.append(0n, insert('a')), {
    message: 'The writer is closed; nothing was written.',
  })
  const [name] = fs.readdirSync(join(directory, 'log'))
  await assert.rejects(V1Writer.create(nodeDisk, join(directory, 'log')), {
    message: `${join(directory, 'log')} holds ${name} already: a v1 log can only be written into a directory without one.`,
  })
  await assert.rejects(V1Writer.create(nodeDisk, directory, { maxFileBytes: 0 }), {
    message: 'maxFileBytes is 0; give a whole number of bytes from 1 on.',
  })
  const parent = join(directory, 'none')
  await assert.rejects(V1Writer.create(nodeDisk, join(parent, 'log')), {
    code: 'WALV_NO_DIRECTORY',
    file: parent,
  })
  for (const [operation, message] of [
    ['write', /^Writing \/log\/wal-\w{16}\.log failed: ENOSPC: on purpose\.$/],
    ['open-create', /^Creating \/log\/wal-\w{16}\.log failed: ENOSPC: on purpose\.$/],
  ] as const) {
    const disk = new MemoryDisk()
    const failing = await V1Writer.create(disk, '/log', { maxFileBytes: 1 })
    disk.before = (doing) => {
      if (doing === operation) throw errno('ENOSPC')
    }
    await assert.rejects(Promise.all([failing.append(0n, insert('a')), failing.append(1n, insert('b'))]), {
      message,
    })
  }
})

test('a file may reach its limit, the buffer be full, and a payload be as long as v1 allows', async () => {
  const disk = new MemoryDisk()
  const record = frame(0, insert('x'))
  const writer = await V1Writer.create(disk, '/log', { maxFileBytes: header().length + 2 * record.length })
  for (let seq = 0n; seq < 3n; seq++) await writer.append(seq, insert('x'))
  await writer.close()
  assert.deepEqual(
    [...disk.files.values()].map(({ length }) => length),
    [header().length + 2 * record.length, header().length + record.length],
  )
  const full = new MemoryDisk()
  const filling = await closed(full)
  await filling.writeFrame(0n, new Uint8Array(1024 * 1024 - header().length - 12))
  await filling.close()
  assert.equal(full.calls.filter((call) => call.startsWith('write')).length, 1)
  const large = new MemoryDisk()
  const open = large.open.bind(large)
  let bytes = 0
  large.open = async (path, mode) => ({
    ...(await open(path, mode)),
    write: async (buffer) => {
      bytes += buffer.length
      return buffer.length
    },
  })
  const longest = await closed(large)
  await longest.writeFrame(0n, new Uint8Array(100_000_000))
  await longest.close()
  assert.equal(bytes, header().length + 12 + 100_000_000)
})
