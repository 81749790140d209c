import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  alter,
  DurableIndex,
  flat,
  frameOf,
  segmentsIn,
  temporaryDirectory,
  Wal,
  writeLog,
} from '../../support/kit.ts'
import { loadFixture } from '../../v1/helpers.ts'
import { writeEveryKind } from './every-kind.ts'
import { assertRefused, assertUnchanged, jsonLines, textLines } from './program.ts'

test('The figures of a log, and nothing of it is touched', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeEveryKind(directory)
  await assertUnchanged(directory, async () => {
    const [{ bytes, usedBytes, ...figures }, ...others] = await jsonLines(0, 'stats', directory)
    assert.deepEqual(others, [])
    const snapshotBytes = figures.snapshots.bytes
    assert.ok(snapshotBytes >= 'hello'.length && snapshotBytes < 1000)
    assert.equal(bytes, 256 * 1024)
    assert.ok(usedBytes > 18 * 40 && usedBytes < 18 * 200)
    assert.deepEqual(figures, {
      vectors: null,
      index: null,
      firstSeq: '0',
      lastSeq: '17',
      durableSeq: '17',
      segments: 1,
      entries: 18,
      kinds: {
        insert: 3,
        update: 3,
        delete: 3,
        custom: 1,
        batch: 1,
        beginTransaction: 3,
        commitTransaction: 1,
        abortTransaction: 1,
        prepareTransaction: 1,
        checkpoint: 1,
      },
      ids: 4,
      transactions: { committed: 1, aborted: 1, inDoubt: ['14'] },
      checkpoints: 1,
      lastCheckpoint: '4',
      snapshots: { count: 1, bytes: snapshotBytes },
      info: { mine: true },
      estimatedRecoveryMs: null,
      damage: 0,
      closedInOrder: true,
    })
  })
})

test('An index with a budget for opening tells what opening would take', async (t) => {
  const directory = await temporaryDirectory(t)
  for (let opening = 0; opening < 2; opening++) {
    const index = await DurableIndex.open({
      directory,
      index: flat({ dimensions: 2 }),
      recoveryBudgetMs: 60_000,
    })
    for (let i = 0; i < 20; i++) await index.upsert(`id-${opening}-${i}`, [1, i])
    if (opening === 1) await index.checkpoint()
    await index.close()
  }
  const [{ estimatedRecoveryMs }] = await jsonLines(0, 'stats', directory)
  assert.ok(estimatedRecoveryMs > 0 && estimatedRecoveryMs < 60_000, `${estimatedRecoveryMs} ms`)
  const lines = await textLines(0, 'stats', directory)
  assert.ok(
    lines.some((line) => /^opening takes +about [\d.]+ m?s$/.test(line)),
    lines.join('\n'),
  )
})

test('For people they are a table', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeEveryKind(directory)
  const lines = await textLines(0, 'stats', directory)
  assert.deepEqual(
    lines
      .filter((line) => !line.startsWith(' '))
      .map((line) =>
        line
          .replace(/ {2,}/, ': ')
          .replace(/[\d.]+ KiB of/, 'N KiB of')
          .replace(/\d+ bytes/, 'N bytes'),
      ),
    [
      'records: 18 (0 to 17)',
      'durable through: 17',
      'distinct ids in them: 4',
      'transactions: 1 committed, 1 aborted, 1 in doubt',
      'segments: 1 (256 KiB on disk, N KiB of records)',
      'checkpoints: 1, the last through record 4',
      'snapshots: 1 (N bytes)',
      'closed in order: yes',
      'damage: none',
    ],
  )
})

test('The ids within batches are counted, each once', async (t) => {
  const directory = await temporaryDirectory(t)
  await using wal = await Wal.open({ directory })
  const ids = ['a', 'b', 'a', 'c']
  await wal.appendBatch([
    ...ids.map((id) => ({ type: 'delete', id }) as const),
    { type: 'batch', entries: [{ type: 'delete', id: 'd' }] },
  ])
  await wal.append({ type: 'delete', id: 'a' })
  await wal.close()
  const [figures] = await jsonLines(0, 'stats', directory)
  assert.equal(figures.ids, 4)
})

test('What kind of index it is stands in its checkpoint', async (t) => {
  const directory = await temporaryDirectory(t)
  await using index = await DurableIndex.open({ directory, index: flat({ dimensions: 2, metric: 'l2' }) })
  await index.insert('a', [1, 2])
  await index.checkpoint()
  await index.close()
  const [{ info }] = await jsonLines(0, 'stats', directory)
  assert.deepEqual([info.kind, info.dimensions, info.metric, info.size], ['flat', 2, 'l2', 1])
})

test('The vectors that an index comes back with are counted, from the snapshot and the log behind it', async (t) => {
  const directory = await temporaryDirectory(t)
  const engine = flat({ dimensions: 2, metric: 'l2' })
  await using index = await DurableIndex.open({ directory, index: engine, model: 'tiny' })
  for (const id of ['a', 'b', 'c', 'd']) await index.insert(id, [1, 2])
  await index.checkpoint()
  await index.delete('a')
  await index.upsert('b', [3, 4])
  await index.batch([
    { type: 'insert', id: 'e', vector: [1, 1] },
    { type: 'delete', id: 'c' },
  ])
  await index.close()
  // Refused as a whole when it takes effect, since e exists.
  await using wal = await Wal.open({ directory })
  await wal.appendBatch([
    { type: 'delete', id: 'd' },
    { type: 'insert', id: 'e', vector: [2, 2] },
  ])
  await wal.close()
  await using again = await DurableIndex.open({
    directory,
    readOnly: true,
    index: flat({ dimensions: 2, metric: 'l2' }),
  })
  assert.equal(again.size, 3)
  const [figures] = await jsonLines(0, 'stats', directory)
  assert.equal(figures.vectors, 3)
  assert.deepEqual(figures.index, { dimensions: 2, metric: 'l2', elementType: 'f32', model: 'tiny' })
  assert.equal(figures.snapshots.count, 1)
  const lines = await textLines(0, 'stats', directory)
  assert.match(lines[0]!, /^vectors +3 of 2 dimensions, metric l2 \(model "tiny"\)$/)
  assert.ok(
    lines.every((line) => line.length <= 80),
    lines.join('\n'),
  )
})

test('Damage is counted, and the exit code is 1', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, ['alpha', 'bravo', 'charlie'])
  const [segment] = await segmentsIn(directory)
  await alter(segment!, (content) => {
    content[frameOf(content, 'bravo') + 60]! ^= 1
    return undefined
  })
  const [{ damage, entries }] = await jsonLines(1, 'stats', directory)
  assert.deepEqual([damage, entries], [1, 2])
  assert.match((await textLines(1, 'stats', directory)).at(-1)!, /^damage +1 place; see walv verify$/)
})

test('A directory without a log has no figures', async (t) => {
  const directory = await temporaryDirectory(t)
  await assertRefused(['stats', directory], 1, 'WALV_NOT_FOUND', /There is no log in /)
})

test('A v1 directory is refused with what to do', async () => {
  const { directory } = loadFixture('every_variant')
  await assertUnchanged(directory, () =>
    assertRefused(
      ['stats', directory, '--json'],
      2,
      'WALV_V1_DIRECTORY',
      /holds a log of format v1\. .*walv convert /,
    ),
  )
})
