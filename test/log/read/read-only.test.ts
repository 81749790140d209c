import assert from 'node:assert/strict'
import { cp, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  appendAll,
  type EntryInput,
  idsIn,
  insert,
  insertOf,
  names,
  openWal,
  refusal,
  startWriter,
  temporaryDirectory,
  Wal,
  writeLog,
} from '../../support/kit.ts'

test('a read-only log refuses every change', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, ['id'])
  const wal = await openWal(t, { directory, readOnly: true })
  const refused = refusal('WALV_READ_ONLY', 'not-logged')
  await assert.rejects(wal.append(insert('a')), refused)
  await assert.rejects(wal.appendBatch([insert('a')]), refused)
  await assert.rejects(wal.flush(), refused)
  await assert.rejects(wal.checkpoint({ seq: 0, snapshot: async () => null }), refused)
  assert.throws(() => wal.begin(), refused)
  assert.deepEqual(await idsIn(wal), ['id'])
})

test('a read-only open of a directory leaves every byte in it as it was, a transaction that was open included', async (t) => {
  const live = await temporaryDirectory(t)
  const writer = await openWal(t, { directory: live })
  await appendAll(writer, names('id', 5))
  writer.begin().insert('open', [1])
  await writer.flush()
  // A copy is what a killed process leaves behind; the writer itself goes on writing.
  const directory = await temporaryDirectory(t)
  await cp(live, directory, { recursive: true })
  const contents = async (): Promise<unknown> => {
    const files = (await readdir(directory)).toSorted()
    return Promise.all(
      files.map(async (name) => [name, (await readFile(join(directory, name))).toString('base64')]),
    )
  }
  const before = await contents()
  const wal = await openWal(t, { directory, readOnly: true })
  assert.equal((await idsIn(wal)).length, 7)
  assert.equal(wal.recovery.transactions.aborted, 1)
  await wal.close()
  assert.deepEqual(await contents(), before)
})

test('a directory that is not there, or empty, is refused or empty, and not made', async (t) => {
  const directory = await temporaryDirectory(t)
  await assert.rejects(
    Wal.open({ directory: join(directory, 'none'), readOnly: true }),
    refusal('WALV_NO_DIRECTORY'),
  )
  const wal = await openWal(t, { directory, readOnly: true })
  assert.deepEqual([await idsIn(wal), wal.lastSeq, wal.durableSeq], [[], -1, -1])
  assert.deepEqual(await readdir(directory), [])
})

test('beside a writer in another process a reader finds everything that was acknowledged before it opened', async (t) => {
  const directory = await temporaryDirectory(t)
  const { report } = await startWriter(t, { directory, count: 500 })
  assert.deepEqual(report, { acknowledged: 500 })
  const wal = await openWal(t, { directory, readOnly: true })
  assert.deepEqual(await idsIn(wal), names('id', 500))
})

test('readers that open again and again beside appends, rotations and retention never see a hole or damage', async (t) => {
  const directory = await temporaryDirectory(t)
  const writer = await openWal(t, { directory, segmentMaxBytes: 64 * 1024, checkpointRetention: 1 })
  let opened = 0
  let writing = true
  const write = async (): Promise<void> => {
    for (let round = 0; round < 100 || opened < 30; round++) {
      const entries: EntryInput[] = names(`round-${round}`, 10).map((id) => insertOf(id, 3000))
      await Promise.all(entries.map((entry) => writer.append(entry)))
      if (round % 10 === 9) await writer.checkpoint({ seq: writer.lastSeq, snapshot: async () => null })
    }
    writing = false
  }
  const read = async (): Promise<void> => {
    for (; writing; opened++) {
      const before = writer.durableSeq
      const reader = await Wal.open({ directory, readOnly: true })
      assert.deepEqual(
        reader.recovery.damage.filter(({ kind }) => kind !== 'torn-tail'),
        [],
      )
      assert.ok(reader.lastSeq >= before, `${before} was durable, ${reader.lastSeq} is the last found`)
    }
  }
  await Promise.all([read(), write()])
  assert.ok(writer.stats().rotations > 3 && writer.stats().firstSeq > 0)
  await writer.close()
})
