import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  alter,
  DurableIndex,
  flat,
  frameOf,
  segmentsIn,
  startWriter,
  temporaryDirectory,
  Wal,
  writeLog,
} from '../../support/kit.ts'
import { loadFixture } from '../../v1/helpers.ts'
import { EVERY_KIND, writeEveryKind } from './every-kind.ts'
import { assertRefused, assertUnchanged, jsonLines, textLines } from './program.ts'

/** Changes one bit of the vector of an insert. */
const flip = (directory: string, id: string): Promise<void> =>
  segmentsIn(directory).then(([segment]) =>
    alter(segment!, (content) => {
      content[frameOf(content, id) + 60]! ^= 1
      return undefined
    }),
  )

test('A whole log is intact, with its figures, and nothing of it is touched', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeEveryKind(directory)
  await assertUnchanged(directory, async () => {
    const [line] = await textLines(0, 'verify', directory)
    assert.match(
      line!,
      /^Intact\. 18 records \([\d.]+ KiB, format v2\) read and checked in .+\. The snapshot through record 4 verifies\.$/,
    )
    const [{ verified }, ...others] = await jsonLines(0, 'verify', directory)
    const { bytes, durationMs, ...figures } = verified
    assert.ok(bytes > 18 * 40 && durationMs >= 0)
    assert.deepEqual(others, [])
    assert.deepEqual(figures, {
      format: 'v2',
      records: EVERY_KIND.length,
      segments: 1,
      lastSeq: '17',
      transactions: { committed: 1, aborted: 1, inDoubt: ['14'] },
      checkpoints: 1,
      snapshotSeq: '4',
      gaps: [],
      incompleteTransactions: [],
      closedInOrder: true,
      damage: 0,
      intact: true,
    })
  })
})

test('Beside a living writer all that it wrote verifies', async (t) => {
  const directory = await temporaryDirectory(t)
  await startWriter(t, { directory, count: 20 })
  const [{ verified }] = await jsonLines(0, 'verify', directory)
  assert.deepEqual([verified.records, verified.intact, verified.closedInOrder], [20, true, false])
})

test('What is lost is named, each in a line, then the verdict; the exit code is 1', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, ['alpha', 'bravo', 'charlie'])
  await flip(directory, 'bravo')
  const [damage, verdict, ...what] = await textLines(1, 'verify', directory)
  assert.match(
    damage!,
    /^damage: corrupt, at byte \d+ of "segment-0000000001\.walv" .*: seq 1; ids "bravo"\. /,
  )
  assert.match(verdict!, /^Damaged: acknowledged records are lost\. 2 records .* ms\.$/)
  assert.deepEqual(what, ['What to do:', `npx walv doctor ${directory}`])
  const lines = await jsonLines(1, 'verify', directory)
  assert.deepEqual(
    [lines[0].damage.seqs, lines[0].damage.ids, lines[0].damage.acknowledged],
    [['1'], ['bravo'], true],
  )
  assert.deepEqual(
    [lines[1].verified.intact, lines[1].verified.damage, lines[1].verified.records],
    [false, 1, 2],
  )
})

test('After a repair the log is intact, and still says what was lost', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, ['alpha', 'bravo', 'charlie'])
  await flip(directory, 'bravo')
  const wal = await Wal.open({ directory, recovery: 'repair' })
  await wal.close()
  const [line] = await textLines(0, 'verify', directory)
  assert.match(line!, /^Intact\. 3 records .* Lost before, and recorded by a repair: seq 1\.$/)
  const [{ verified }] = await jsonLines(0, 'verify', directory)
  assert.deepEqual(verified.gaps, [{ from: '1', through: '1' }])
  const [, gap] = await jsonLines(0, 'log', directory)
  assert.deepEqual([gap.seq, gap.type, gap.throughSeq], ['1', 'gap', '1'])
})

test('A snapshot that does not verify is damage that lost nothing', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeEveryKind(directory)
  await writeFile(join(directory, 'snapshots', 'snapshot-0000000000000004', 'state'), 'Hello')
  const [damage, verdict] = await textLines(1, 'verify', directory)
  assert.match(
    damage!,
    /^damage: snapshot, at byte 0 of "snapshots\/snapshot-0000000000000004" .*nothing acknowledged is lost\. .*does not match its hash/,
  )
  assert.match(verdict!, /^Damaged, but no record is lost\. 18 records /)
})

test('A torn tail is no fault, and told', async () => {
  const { directory } = loadFixture('torn_tail_payload_1_byte')
  const [damage, verdict] = await textLines(0, 'verify', directory)
  assert.match(damage!, /^damage: torn-tail, /)
  assert.match(verdict!, /^Intact, but for a torn tail\. 4 records \(.*, format v1\) read and checked in /)
})

test('Of a v1 directory there are the figures that it has', async () => {
  const whole = loadFixture('every_variant')
  const [{ verified }] = await jsonLines(0, 'verify', whole.directory)
  const { durationMs, bytes, ...figures } = verified
  assert.ok(durationMs >= 0 && bytes === whole.records.reduce((sum, { length }) => sum + length, 0))
  assert.deepEqual(figures, { format: 'v1', records: whole.records.length, damage: 0, intact: true })
  const lines = await jsonLines(1, 'verify', loadFixture('flip_len_bit5').directory)
  assert.deepEqual(
    lines.map(({ damage }) => damage?.seqs),
    [['2'], ['3-'], undefined],
  )
  assert.equal(lines[2].verified.intact, false)
  const text = await textLines(1, 'verify', loadFixture('flip_len_bit5').directory)
  assert.match(text[2]!, /^Damaged: acknowledged records may be lost\. 2 records /)
})

test('A directory without a log is no intact log', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeFile(join(directory, 'notes.txt'), 'mine')
  await assertRefused(['verify', directory, '--json'], 1, 'WALV_NOT_FOUND', /There is no log in /)
})

test('A file of the log that is gone is named as missing, with the numbers that were in it', async (t) => {
  const directory = await temporaryDirectory(t)
  const vector = new Float32Array(1000)
  await using wal = await Wal.open({ directory, segmentMaxBytes: 65_536 })
  for (let index = 0; index < 150; index++) await wal.append({ type: 'insert', id: `id-${index}`, vector })
  await wal.close()
  const before = await jsonLines(0, 'log', directory)
  const gone = (await segmentsIn(directory))[2]!
  await rm(gone)
  const left = new Set((await jsonLines(1, 'log', directory)).map(({ seq }) => seq))
  const missing = before.map(({ seq }) => seq).filter((seq) => !left.has(seq))
  assert.ok(missing.length > 5)
  const [{ damage }] = await jsonLines(1, 'verify', directory)
  assert.deepEqual([damage.kind, damage.acknowledged, damage.seqs], ['missing-segment', true, missing])
})

test('A log whose only file was emptied is not intact', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, ['a', 'b'])
  const [segment] = await segmentsIn(directory)
  await writeFile(segment!, '')
  const lines = await jsonLines(1, 'verify', directory)
  assert.equal(lines.at(-1).verified.intact, false)
})

test('Snapshots without a log are not the same as nothing', async (t) => {
  const directory = await temporaryDirectory(t)
  await using index = await DurableIndex.open({ directory, index: flat({ dimensions: 2 }) })
  await index.insert('a', [1, 2])
  await index.checkpoint()
  await index.close()
  for (const segment of await segmentsIn(directory)) await rm(segment)
  const lines = await jsonLines(1, 'verify', directory)
  assert.equal(lines.at(-1).verified.intact, false)
})
