import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import type { V1Entry } from '../../src/v1/format/entry.ts'
import { readV1Directory } from '../../src/v1/read/reader.ts'
import { recoverV1, type V1RecoverOptions } from '../../src/v1/recover/recover.ts'
import type { Damage, WalError } from '../support/kit.ts'
import {
  bits,
  brief,
  collect,
  FIXTURES,
  type Found,
  files,
  fixtureNames,
  frame,
  header,
  insert,
  loadFixture,
  nth,
  segment,
  seqs,
  watched,
} from './helpers.ts'
import { MemoryDisk } from './memory-disk.ts'

const recover = (disk: MemoryDisk, options?: V1RecoverOptions): Promise<Found> =>
  collect(recoverV1(disk, '/log', options))
const recoverFiles = (segments: Buffer[], policy: 'strict' | 'salvage' = 'strict'): Promise<Found> =>
  recover(MemoryDisk.of(files(...segments)), { policy })
const recoverFixture = (name: string): Promise<Found> =>
  collect(recoverV1(nodeDisk, join(FIXTURES, name), { policy: 'salvage' }))

const marker = (type: 'begin' | 'commit' | 'abort', id: number): V1Entry => ({
  type: `${type}Transaction`,
  transactionId: BigInt(id),
  timestamp: 0n,
})
const checkpoint = (through: number): V1Entry => ({
  type: 'checkpoint',
  sequenceNumber: BigInt(through),
  timestamp: 0n,
})

/** Ids in the order in which they come out: `a` for an insert, `checkpoint` for one. */
const ids = ({ records }: Found): string[] =>
  records.map(({ entry }) => ('id' in entry ? entry.id : entry.type))

/** A file of inserts by id, markers and checkpoints, numbered from `from`. */
function numbered(from: number, ...parts: (string | V1Entry)[]): Buffer {
  const frames = parts.map((part, n) => frame(from + n, typeof part === 'string' ? insert(part, 1) : part))
  return Buffer.concat([header(), ...frames])
}

test('records come out with all that the reader says of them', async () => {
  const directory = join(FIXTURES, 'every_variant')
  const read = await collect(readV1Directory(nodeDisk, directory))
  const recovered = await collect(recoverV1(nodeDisk, directory))
  assert.deepEqual(
    recovered.records,
    read.records.filter(({ entry }) => !('transactionId' in entry)),
  )
})

test('a log that nothing is wrong with is recovered whole, checkpoints included, which drop nothing', async () => {
  const found = await recoverFiles([
    numbered(0, 'a', 'b', checkpoint(1)),
    numbered(3, 'c', checkpoint(100), 'd'),
  ])
  assert.deepEqual(ids(found), ['a', 'b', 'checkpoint', 'c', 'checkpoint', 'd'])
  assert.deepEqual(found.damages, [])
  for (const name of ['auto_checkpoint_interval_3', 'checkpoint_at_current_sequence', 'checkpoint_zero']) {
    assert.equal((await recoverFixture(name)).records.length, loadFixture(name).entries.length, name)
  }
})

test('a log that was reopened and started over keeps every record, in the order of writing', async () => {
  for (const name of [
    'reopen_later_no_recover',
    'reopen_no_recover_after_checkpoint',
    'pit_reader_during_write',
  ]) {
    const found = await recoverFixture(name)
    const { entries } = loadFixture(name)
    assert.deepEqual(
      found.records.map(({ entry }) => bits(entry)),
      entries.map(({ entry }) => bits(entry)),
      name,
    )
  }
  const restarts = [numbered(0, 'a', 'b', 'c'), numbered(0, 'd', 'e'), numbered(3, 'f'), numbered(0, 'g')]
  assert.deepEqual(ids(await recoverFiles(restarts)), ['a', 'b', 'c', 'd', 'e', 'f', 'g'])
  assert.deepEqual(ids(await recoverFiles([Buffer.concat(restarts)])), ['a', 'b', 'c', 'd', 'e', 'f', 'g'])
})

test('a log that started over after its oldest files were removed is not put in front of what is left', async () => {
  const found = await recoverFiles([numbered(10, 'k', 'l', 'm'), numbered(0, 'n', 'o'), numbered(13, 'p')])
  assert.deepEqual(ids(found), ['k', 'l', 'm', 'n', 'o', 'p'])
})

test('a file that repeats numbers of the file before, though not from 0 on, comes behind it', async () => {
  const found = await recoverFiles([numbered(5, 'a', 'b', 'c', 'd'), numbered(3, 'e', 'f', 'g')])
  assert.deepEqual(ids(found), ['a', 'b', 'c', 'd', 'e', 'f', 'g'])
})

test('files that a clock set back has named wrongly are put in the order of their numbers', async () => {
  assert.deepEqual(seqs(await recoverFixture('clock_went_back')), [0, 1])
  const [a, b, c, d, e, f] = [
    numbered(0, 'a', 'b'),
    numbered(2, 'c'),
    numbered(3, 'd', 'e'),
    numbered(5, 'f'),
    numbered(6, 'g'),
    numbered(7, 'h'),
  ]
  const all = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  for (const order of [
    [f, a, b, c, d, e],
    [d, e, f, a, b, c],
    [a, d, b, e, c, f],
    [d, a, e, b, f, c],
    [f, e, d, c, b, a],
  ]) {
    const found = await recoverFiles(order as Buffer[])
    assert.deepEqual(ids(found), all)
    assert.deepEqual(new Set(found.damages.map(brief)), new Set(['order false']))
  }
})

test('of records with one number all come out, in file order', async () => {
  const found = await recoverFixture('two_writers_same_file')
  const { entries } = loadFixture('two_writers_same_file')
  assert.deepEqual(
    found.records.map(({ entry }) => bits(entry)),
    entries.map(({ entry }) => bits(entry)),
  )
})

test('records that threads wrote out of order come out in order', async () => {
  const found = await recoverFiles([segment(1, 0, 3, 2, 4)], 'salvage')
  assert.deepEqual(seqs(found), [0, 1, 2, 3, 4])
})

test('in a log that started over, numbers decide as well, also where they are far apart', async () => {
  const later = [
    numbered(0, 'c', 'd'),
    numbered(5, 'f'),
    numbered(3, 'e'),
    numbered(2 ** 53, 'h'),
    numbered(2 ** 40, 'g'),
  ]
  const found = await recoverFiles([numbered(0, 'a', 'b'), ...later])
  assert.deepEqual(ids(found), ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])
  const twice = await recoverFiles(
    [segment(frame(3, insert('c')), frame(0, insert('a')), frame(3, insert('d')), frame(2, insert('b')))],
    'salvage',
  )
  assert.deepEqual(ids(twice), ['a', 'b', 'c', 'd'])
})

test('a number that damage has made too high keeps its record, and the files behind it in their place', async () => {
  const found = await recoverFiles([segment(0, 1, 2, frame(2n ** 62n)), segment(4, 5)], 'salvage')
  assert.deepEqual(
    found.records.map(({ seq }) => seq),
    [0n, 1n, 2n, 2n ** 62n, 4n, 5n],
  )
})

test('aborted and open transactions have no effect, committed ones have it where they were committed', async () => {
  assert.deepEqual(ids(await recoverFixture('tx_open')), ['keep'])
  assert.deepEqual(
    (await recoverFixture('tx_committed')).records.map(({ entry }) => entry.type),
    ['insert', 'update'],
  )
  const log = numbered(
    0,
    'before',
    marker('begin', 1),
    'one',
    marker('begin', 2),
    'two',
    marker('begin', 3),
    'three',
    marker('commit', 1),
    'still three',
    marker('abort', 3),
    'two again',
    checkpoint(0),
    marker('commit', 2),
    'outside',
    marker('begin', 4),
    'open',
  )
  assert.deepEqual(ids(await recoverFiles([log])), [
    'before',
    'one',
    'checkpoint',
    'two',
    'two again',
    'outside',
  ])
})

test('a commit or abort without a begin changes nothing', async () => {
  const log = numbered(
    0,
    'a',
    marker('commit', 9),
    'b',
    marker('begin', 1),
    'c',
    marker('abort', 2),
    marker('commit', 1),
  )
  assert.deepEqual(ids(await recoverFiles([log])), ['a', 'b', 'c'])
})

test('a transaction may go on in the next file', async () => {
  const found = await recoverFiles([
    numbered(0, marker('begin', 1), 'a'),
    numbered(2, 'b'),
    numbered(3, marker('commit', 1)),
  ])
  assert.deepEqual(ids(found), ['a', 'b'])
  const aborted = [
    numbered(0, marker('begin', 1), 'a'),
    numbered(2, 'b'),
    numbered(3, marker('abort', 1), 'c'),
  ]
  assert.deepEqual(ids(await recoverFiles(aborted)), ['c'])
})

test('a transaction that was open at a crash does not take what the next process appended', async () => {
  const found = await recoverFiles([numbered(0, 'a', marker('begin', 1), 'lost'), numbered(3, 'b', 'c')])
  assert.deepEqual(ids(found), ['a', 'b', 'c'])
  const sameId = [
    numbered(0, marker('begin', 1), 'lost'),
    numbered(2, 'a', marker('begin', 1), 'b', marker('commit', 1)),
  ]
  assert.deepEqual(ids(await recoverFiles(sameId)), ['a', 'b'])
})

test('an id that begins again abandons the transaction that bore it', async () => {
  const log = numbered(0, marker('begin', 1), 'a', marker('begin', 1), 'b', marker('commit', 1), 'c')
  assert.deepEqual(ids(await recoverFiles([log])), ['b', 'c'])
  const begunTwice = numbered(0, marker('begin', 1), 'a', marker('begin', 1), 'b')
  assert.deepEqual(ids(await recoverFiles([begunTwice, numbered(4, 'c', marker('commit', 1))])), ['b', 'c'])
})

test('thousands of transactions open at once take no more time each than one', async () => {
  const begins = Array.from({ length: 50_000 }, (_, id) => marker('begin', id))
  const commits = Array.from({ length: 50_000 }, (_, id) => marker('commit', id))
  const frames = [...begins, insert('a'), ...commits].map((entry, seq) => frame(seq, entry))
  const started = process.cpuUsage()
  assert.deepEqual(ids(await recoverFiles([Buffer.concat([header(), ...frames])])), ['a'])
  assert.ok(process.cpuUsage(started).user < 10e6, 'the time grows with the square of the number')
})

test('strict refuses what may be lost and names all of it, before the first record', async () => {
  const damaged = segment(0, frame(1), 2)
  damaged[16 + frame(0).length + 12] = 99
  const segments = [damaged, segment(2, 1)]
  const damages: Damage[] = []
  let records = 0
  const reading = async (): Promise<void> => {
    for await (const item of recoverV1(MemoryDisk.of(files(...segments)), '/log')) {
      if (item.record) records++
      else damages.push(item.damage)
    }
  }
  await assert.rejects(reading, (error: WalError) => {
    assert.equal(error.code, 'WALV_DAMAGED')
    assert.match(error.message, /wal-0000000000000001.log at offset 45: Record 1 cannot be read/)
    assert.deepEqual((error.detail as Damage[]).map(brief), ['corrupt 1..1 null', 'order null'])
    return true
  })
  assert.deepEqual(damages.map(brief), ['corrupt 1..1 null', 'order false', 'order null'])
  assert.equal(records, 0)
  assert.equal((await recoverFiles(segments, 'salvage')).records.length, 4)
})

test('strict accepts a torn tail, unfinished files, foreign names and a log that started over', async () => {
  const disk = MemoryDisk.of(
    files(segment(0, 1), segment(0, frame(1).subarray(0, 15)), header().subarray(0, 7)),
  )
  disk.others.push({ name: nth(9), kind: 'directory' })
  const found = await recover(disk)
  assert.deepEqual(seqs(found), [0, 1, 0])
  assert.deepEqual(found.damages.map(({ kind }) => kind).toSorted(), [
    'foreign',
    'order',
    'torn-creation',
    'torn-tail',
  ])
})

test('another policy is refused', async () => {
  await assert.rejects(recover(new MemoryDisk(), { policy: 'repair' as never }), {
    code: 'WALV_INVALID_OPTION',
  })
})

test('a file that changes between the readings is an error, and no file stays open', async () => {
  for (const change of ['removed', 'changed']) {
    const disk = MemoryDisk.of(files(segment(0), segment(1)))
    let opened = 0
    disk.before = (operation, path) => {
      if (operation !== 'open-read' || path !== `/log/${nth(2)}` || ++opened < 2) return
      if (change === 'removed') disk.files.delete(path)
      else disk.files.set(path, segment(7))
    }
    await assert.rejects(recover(disk), { code: 'WALV_DAMAGED', file: nth(2), offset: 16 })
    assert.equal(disk.openFiles, 0)
  }
})

test('an abort ends the recovery', async () => {
  const disk = MemoryDisk.of(files(segment(0)))
  await assert.rejects(recover(disk, { signal: AbortSignal.abort() }), { code: 'WALV_ABORTED' })
})

test('whatever the order of the numbers, every record comes out exactly once', async () => {
  const sections = fc.array(fc.array(fc.nat(20), { minLength: 1, maxLength: 6 }), { maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(sections, async (numbers) => {
      let n = 0
      const segments = numbers.map((seqs) => segment(...seqs.map((seq) => frame(seq, insert(`${n++}`)))))
      const found = await recoverFiles(segments, 'salvage')
      assert.deepEqual(
        ids(found)
          .map(Number)
          .toSorted((a, b) => a - b),
        Array.from({ length: n }, (_, id) => id),
      )
    }),
    { numRuns: 300 },
  )
})

test('however a log was rotated and started over, its records come out in the order of writing', async () => {
  const runs = fc.array(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }), {
    maxLength: 4,
  })
  await fc.assert(
    fc.asyncProperty(runs, fc.boolean(), async (lengths, oneFile) => {
      let n = 0
      const segments = lengths.flatMap((run) => {
        let seq = 0
        return run.map((length) => segment(...Array.from({ length }, () => frame(seq++, insert(`${n++}`)))))
      })
      const found = await recoverFiles(oneFile ? [Buffer.concat(segments)] : segments)
      assert.deepEqual(
        ids(found).map(Number),
        Array.from({ length: n }, (_, id) => id),
      )
    }),
    { numRuns: 300 },
  )
})

for (const name of fixtureNames) {
  test(`${name}: a recovery drops no record but those of transactions, and only reads`, async () => {
    const { disk, modes } = watched(nodeDisk)
    const directory = join(FIXTURES, name)
    const read = await collect(readV1Directory(nodeDisk, directory))
    const recovered = await collect(recoverV1(disk, directory, { policy: 'salvage' }))
    assert.deepEqual(recovered.damages, read.damages)
    assert.deepEqual([...modes], ['read'])
    const dropped = read.records.filter(({ file, offset }) =>
      recovered.records.every((record) => record.file !== file || record.offset !== offset),
    )
    assert.equal(recovered.records.length + dropped.length, read.records.length)
    const expected: Record<string, string[]> = {
      every_variant: ['beginTransaction', 'commitTransaction', 'abortTransaction'],
      tx_committed: ['beginTransaction', 'commitTransaction'],
      tx_open: ['beginTransaction', 'insert'],
    }
    assert.deepEqual(
      dropped.map(({ entry }) => entry.type),
      expected[name] ?? [],
    )
  })
}
