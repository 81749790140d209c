/** `walv log` tells every damage that `walv verify` tells, also what is in no segment. */
import assert from 'node:assert/strict'
import { readdir, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  appendAll,
  DurableIndex,
  flat,
  names,
  segmentsIn,
  temporaryDirectory,
  Wal,
} from '../../support/kit.ts'
import { assertUnchanged, type Json, jsonLines, textLines } from './program.ts'

/** An index with two snapshots, and a log that retention has shortened. */
async function retainedIndex(t: TestContext): Promise<string> {
  const directory = await temporaryDirectory(t)
  await using index = await DurableIndex.open({
    directory,
    index: flat({ dimensions: 3 }),
    durability: 'os',
    segmentMaxBytes: 64 * 1024,
    checkpointIntervalEntries: false,
  })
  for (const round of names('round', 4)) {
    await index.insertMany(names(round, 2_000).map((id) => ({ id, vector: [1, 2, 3] })))
    await index.checkpoint()
  }
  await index.insert('last', [1, 2, 3])
  return directory
}

const snapshotsOf = async (directory: string): Promise<string[]> =>
  (await readdir(join(directory, 'snapshots'))).map((name) => join(directory, 'snapshots', name))

async function withoutSnapshots(directory: string): Promise<void> {
  for (const path of await snapshotsOf(directory)) await rm(path, { recursive: true })
}

async function withSpoiledSnapshot(directory: string): Promise<void> {
  const newest = (await snapshotsOf(directory)).toSorted().at(-1)!
  await truncate(join(newest, 'catalog.walvids'), 5)
}

async function withoutSegments(directory: string, count: number): Promise<void> {
  for (const path of (await segmentsIn(directory)).slice(-count)) await rm(path)
}

const LOSSES: readonly [string, (directory: string) => Promise<void>][] = [
  ['its beginning and its snapshots', withoutSnapshots],
  ['a file of its newest snapshot', withSpoiledSnapshot],
  ['every segment', (directory) => withoutSegments(directory, Number.POSITIVE_INFINITY)],
]

for (const [what, lose] of LOSSES) {
  test(`A log that has lost ${what} says so as verify does, and the exit code is 1`, async (t) => {
    const directory = await retainedIndex(t)
    await lose(directory)
    const told = (lines: readonly Json[]): Json[] => lines.flatMap(({ damage }) => damage ?? [])
    const verified = told(await jsonLines(1, 'verify', directory)).filter(({ kind }: Json) => kind)
    assert.ok(verified.length > 0)
    await assertUnchanged(directory, async () => {
      for (const options of [[], ['--committed'], ['--tail', '1']]) {
        const lines = told(await jsonLines(1, 'log', directory, ...options))
        const places = ({ kind, file, offset, acknowledged }: Json): string =>
          [kind, file, offset, acknowledged].join(' ')
        assert.deepEqual(lines.map(places).toSorted(), verified.map(places).toSorted())
      }
    })
  })
}

test('A beginning that is lost is told before the first record that is left', async (t) => {
  const directory = await retainedIndex(t)
  await withoutSnapshots(directory)
  const lines = await textLines(1, 'log', directory)
  assert.match(lines[0]!, /^damage: missing-segment, .*acknowledged records are lost: seq 0 to \d+/)
  assert.match(lines[1]!, /^\d+ {2}\d{4}-/)
})

test('A segment that is missing from the middle is told before the one that follows', async (t) => {
  const directory = await temporaryDirectory(t)
  await using wal = await Wal.open({ directory, durability: 'os', segmentMaxBytes: 64 * 1024 })
  for (let round = 0; round < 4; round++) await appendAll(wal, names(`round-${round}`, 3_000))
  await wal.close()
  const segments = await segmentsIn(directory)
  assert.ok(segments.length > 2)
  await rm(segments[1]!)
  const lines = await jsonLines(1, 'log', directory)
  const at = lines.findIndex((line) => 'damage' in line)
  const [{ seqs }] = lines.flatMap(({ damage }) => damage ?? [])
  const lost = seqs.flatMap((seq: string) => seq.split('-')).map(Number)
  assert.deepEqual([Number(lines[at - 1].seq), Number(lines[at + 1].seq)], [lost.at(0) - 1, lost.at(-1) + 1])
})
