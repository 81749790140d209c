import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { isSelected, timeFrom } from '../../../src/cli/log-selection.ts'
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
import { isError } from '../import/vector-files.ts'
import { writeEveryKind } from './every-kind.ts'
import { assertRefused, jsonLines, textLines } from './program.ts'

async function everyKind(t: TestContext) {
  const directory = await temporaryDirectory(t)
  await writeEveryKind(directory)
  return async (...options: string[]): Promise<number[]> =>
    (await jsonLines(0, 'log', directory, ...options)).map(({ seq }) => Number(seq))
}

test('Records by number, type and id, and the last of them', async (t) => {
  const seqs = await everyKind(t)
  assert.deepEqual(await seqs('--from', '3', '--to', '5'), [3, 4, 5])
  assert.deepEqual(await seqs('--from', '16'), [16, 17])
  assert.deepEqual(await seqs('--to', '0'), [0])
  assert.deepEqual(await seqs('--type', 'delete'), [4, 12, 15])
  assert.deepEqual(await seqs('--type', 'upsert'), [1])
  assert.deepEqual(await seqs('--id', 'b'), [6], 'members of batches count')
  assert.deepEqual(await seqs('--id', 'a', '--type', 'update'), [2, 3])
  assert.deepEqual(await seqs('--tail', '2'), [16, 17])
  assert.deepEqual(
    await seqs('-n', '100'),
    Array.from({ length: 18 }, (_, seq) => seq),
  )
  assert.deepEqual(await seqs('--id', 'c', '--tail', '1'), [15])
  assert.deepEqual(await seqs('--committed', '--tail', '2'), [10, 10])
  assert.deepEqual(await seqs('--id', 'nobody'), [])
})

test('Records since a time, which is a date or so long ago', async (t) => {
  const seqs = await everyKind(t)
  assert.deepEqual(await seqs('--since', '2023-11-14T22:13:20.011Z'), [11, 12, 13, 14, 15, 16, 17])
  assert.deepEqual(await seqs('--since', '1h'), [])
  const now = Date.parse('2026-11-30T12:00:00Z')
  const hour = 3_600_000
  assert.equal(timeFrom('90s', now), now - 90_000)
  assert.equal(timeFrom('15m', now), now - hour / 4)
  assert.equal(timeFrom('2h', now), now - 2 * hour)
  assert.equal(timeFrom('7d', now), now - 7 * 24 * hour)
  assert.equal(timeFrom('2026-11-30', now), Date.parse('2026-11-30T00:00:00Z'))
  for (const wrong of ['', 'yesterday', '5', '2026-13-45', '1w'])
    assert.throws(() => timeFrom(wrong, now), isError('WALV_USAGE', /--since needs a time such as/))
})

test('The times of v1 are seconds', () => {
  const { entries } = loadFixture('every_variant')
  const { seq, entry } = entries[0]!
  const timestampMs = Number(entry.timestamp) * 1000
  assert.equal(isSelected({ seq, timestampMs, entry }, { since: timestampMs }), true)
  assert.equal(isSelected({ seq, timestampMs, entry }, { since: timestampMs + 1 }), false)
})

test('The records of a v1 log are selected alike', async () => {
  const { directory, entries } = loadFixture('every_variant')
  const [line] = await jsonLines(0, 'log', directory, '--from', '1', '--to', '1')
  assert.equal(line.seq, '1')
  assert.equal((await jsonLines(0, 'log', directory, '--tail', '3')).length, 3)
  assert.equal((await jsonLines(0, 'log', directory, '--since', '2000-01-01')).length, entries.length)
})

test('Damage is always told, in its place, and decides the exit code', async (t) => {
  const directory = await temporaryDirectory(t)
  const ids = ['alpha', 'bravo', 'charlie', 'delta', 'echo']
  await writeLog(directory, ids)
  const [segment] = await segmentsIn(directory)
  await alter(segment!, (content) => {
    content[frameOf(content, 'bravo') + 60]! ^= 1
    return undefined
  })
  const shown = async (...options: string[]): Promise<string[]> =>
    (await jsonLines(1, 'log', directory, ...options)).map((line) => (line.damage ? 'damage' : line.id))
  assert.deepEqual(await shown('--tail', '1'), ['damage', 'echo'])
  assert.deepEqual(await shown('--tail', '3'), ['damage', 'charlie', 'delta', 'echo'])
  assert.deepEqual(await shown('--tail', '4'), ['alpha', 'damage', 'charlie', 'delta', 'echo'])
  assert.deepEqual(await shown('--id', 'delta'), ['damage', 'delta'])
})

test('A log whose beginning a checkpoint let go of says why it does not begin at 0', async (t) => {
  const directory = await temporaryDirectory(t)
  const open = () =>
    DurableIndex.open({
      directory,
      index: flat({ dimensions: 1 }),
      checkpointRetention: 1,
      segmentMaxBytes: 64 * 1024,
      durability: 'os',
    })
  await using index = await open()
  const metadata = 'x'.repeat(1000)
  await index.insertMany(Array.from({ length: 500 }, (_, n) => ({ id: `${n}`, vector: [n], metadata })))
  const through = (await index.checkpoint())!.sequenceNumber
  await index.close()
  const [first, second] = await textLines(0, 'log', directory)
  const kept = Number(/^\d+/.exec(second!)![0])
  assert.ok(kept > 0)
  assert.equal(
    first,
    `Records 0 to ${kept - 1} are no longer kept: the snapshot through record ${through} holds their effect.`,
  )
  const json = await jsonLines(0, 'log', directory)
  assert.equal(json[0].seq, String(kept), 'the lines for programs are records alone')
  const [committed] = await textLines(0, 'log', directory, '--committed', '--tail', '1')
  assert.match(committed!, /^Records 0 to \d+ are no longer kept/)
})

test('A log that begins at 0 says nothing of that', async (t) => {
  const directory = await temporaryDirectory(t)
  await using wal = await Wal.open({ directory })
  await wal.append({ type: 'delete', id: 'a' })
  await wal.close()
  assert.match((await textLines(0, 'log', directory))[0]!, /^0 {2}/)
})

test('A range the wrong way round, a type that there is not and numbers that are none are refused', async (t) => {
  const directory = await temporaryDirectory(t)
  const refused = (message: RegExp, ...options: string[]): Promise<void> =>
    assertRefused(['log', directory, ...options], 2, 'WALV_USAGE', message)
  await refused(/--from 5 is behind --to 4/, '--from', '5', '--to', '4')
  await refused(/There is no record type "merge"\. There are: insert, upsert,/, '--type', 'merge')
  await refused(/--since needs a time such as .* not "noon"/, '--since', 'noon')
  await refused(/--tail needs a whole number from 1 to 100,000/, '--tail', '0')
  await refused(/--from needs a whole number/, '--from', 'x')
})
