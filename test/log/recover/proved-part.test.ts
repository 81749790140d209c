/** Who has read the beginning of a log goes on from there, and finds what a first reading finds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Analysis, analyze } from '../../../src/log/recover/analysis.ts'
import { readDirectory } from '../../../src/log/recover/directory.ts'
import type { ProvedLog } from '../../../src/log/recover/proved-part.ts'
import { DIRECTORY, openOn, Random, SimulatedDisk, segmentAt, type Wal } from '../../support/kit.ts'
import {
  analysisOf,
  diskOf,
  RECORD_BYTES,
  type SegmentFields,
  spoil,
  withoutHeader,
  wrong,
} from './analyzed-log.ts'

/** Three segments of three records; each says in its header that those before it are durable. */
const SEGMENTS = [1, 2, 3].map((number) => {
  const firstSeq = 3 * (number - 1)
  return { number, firstSeq, durableBefore: firstSeq, previous: number - 1 }
})

const fourth = (fields: Partial<SegmentFields> = {}): SegmentFields => {
  return { number: 4, firstSeq: 9, durableBefore: 9, previous: 3, ...fields }
}

/** As far as the three segments are proved. */
async function provedPart(): Promise<ProvedLog> {
  const { proved } = await analysisOf(await diskOf(...SEGMENTS))
  assert.ok(proved)
  return proved
}

test('what is proved ends at the last place before a watermark', async () => {
  const { before, segment, offset, tally } = await provedPart()
  assert.deepEqual([before, segment, offset, tally.entries], [6, 3, 1024, 6])
  const { proved } = await analysisOf(await diskOf(...SEGMENTS, fourth({ durableBefore: 8 })))
  assert.equal(proved?.before, 6, 'the fourth segment begins where nothing says that it is durable')
})

test('what is proved is not read again, and counts', async () => {
  const disk = await diskOf(...SEGMENTS, fourth())
  await spoil(disk, 1, 1)
  const found = await analysisOf(disk, { proved: await provedPart() })
  assert.deepEqual([found.damage, found.isContinued], [[], true])
  assert.deepEqual([found.firstSeq, found.endSeq, found.durableBefore], [0, 12, 9])
  assert.deepEqual([found.tally.entries, found.tally.bytes], [12, 12 * RECORD_BYTES])
  assert.deepEqual(
    found.segments.map(({ number }) => number),
    [1, 2, 3, 4],
  )
  assert.equal(found.proved?.before, 9)
  assert.deepEqual(wrong(await analysisOf(disk)).length, 1, 'an ordinary opening finds it')
})

test('where anything is wrong behind it, all is read and told', async () => {
  const disk = await diskOf(...SEGMENTS, fourth())
  await spoil(disk, 1, 1)
  await spoil(disk, 3, 1)
  const found = await analysisOf(disk, { proved: await provedPart() })
  assert.deepEqual([wrong(found).length, found.isContinued], [2, false])
})

test('a torn tail behind it is cut as ever', async () => {
  const disk = await diskOf(...SEGMENTS, fourth())
  await spoil(disk, 4, 1)
  const found = await analysisOf(disk, { proved: await provedPart() })
  const { tally, ...whole } = await analysisOf(disk)
  assert.deepEqual([found.isContinued, found.endSeq, found.damage], [true, 10, whole.damage])
  assert.equal(found.tally.entries, tally.entries)
})

const changed: Record<string, (disk: SimulatedDisk) => Promise<void>> = {
  'a file of it is gone': (disk) => disk.remove(segmentAt(2)),
  'a header in it does not verify': (disk) => withoutHeader(disk, 2),
  'a file of it was cut': async (disk) => {
    const file = await disk.open(segmentAt(1), 'write')
    await file.truncate(2048)
    await file.close()
  },
  'the record at its end is not there': (disk) => spoil(disk, 3, 0),
}

for (const [what, change] of Object.entries(changed))
  test(`it is worth nothing where ${what}`, async () => {
    const disk = await diskOf(...SEGMENTS)
    await change(disk)
    const found = await analysisOf(disk, { proved: await provedPart() })
    assert.equal(found.isContinued, false)
    assert.deepEqual(brief(found), brief(await analysisOf(disk)))
  })

test('it is worth nothing of another log', async () => {
  const logId = Buffer.alloc(16, 7)
  const disk = await diskOf(...[...SEGMENTS, fourth()].map((fields) => ({ ...fields, logId })))
  const found = await analysisOf(disk, { proved: await provedPart() })
  assert.deepEqual([found.isContinued, found.tally.entries, found.damage], [false, 12, []])
})

test('its records are found where a later segment has taken them over', async () => {
  const disk = await diskOf(...SEGMENTS, { ...fourth(), firstSeq: 6, count: 6, previous: 2 })
  const found = await analysisOf(disk, { proved: await provedPart() })
  assert.deepEqual([found.isContinued, found.endSeq, found.tally.entries, found.damage], [true, 12, 12, []])
})

/** What a recovery goes by. What retention has let go of since counts: it is told only without. */
function brief({ tally, proved: _, isContinued: __, usedBytes: ___, segments, ...found }: Analysis): object {
  const { transactions, entries, bytes, committed, aborted, ...counted } = tally
  const open = [...transactions.open.values()]
  const lean = segments.map(({ marks: ____, ...segment }) => segment)
  const counts = found.firstSeq === 0 && { entries, bytes, committed, aborted }
  return { ...found, segments: lean, counted, counts, open, incomplete: transactions.incomplete }
}

test('who goes on step by step finds what who reads all at once finds', async () => {
  let continued = 0
  for (let seed = 0; seed < 25; seed++) {
    const random = new Random(seed)
    let disk = new SimulatedDisk()
    let proved: ProvedLog | undefined
    for (let life = 0; life < 4; life++) {
      const wal = await openOn(disk, { segmentMaxBytes: 64 * 1024, checkpointRetention: 1 + (seed % 2) })
      for (let step = 0; step < 3; step++) {
        await work(wal, random)
        const directory = await readDirectory(disk, DIRECTORY)
        const found = await analyze(disk, directory, { proved })
        assert.deepEqual(brief(found), brief(await analyze(disk, directory)), `seed ${seed}`)
        if (found.isContinued) continued++
        if (random.chance(0.7)) proved = found.proved
      }
      if (random.chance(0.5)) await wal.close()
      else disk = disk.kill()
    }
  }
  assert.ok(continued > 100, `only ${continued} went on`)
})

/** Some of everything that a log can hold. */
async function work(wal: Wal, random: Random): Promise<void> {
  for (let left = random.below(12); left > 0; left--) {
    const id = `id-${random.below(5)}`
    const entry = { type: 'insert', id, vector: new Float32Array(random.pick([2, 500, 4_000])) } as const
    if (random.chance(0.6)) await wal.append(entry)
    else {
      const transaction = wal.begin()
      await transaction.append(entry)
      const end = random.below(4)
      if (end === 0) await transaction.commit()
      else if (end === 1) await transaction.abort()
      else if (end === 2) await transaction.prepare()
    }
  }
  await wal.flush()
  if (random.chance(0.3) && wal.lastSeq > (wal.lastCheckpoint?.sequenceNumber ?? -1) + 1)
    await wal.checkpoint({
      seq: wal.lastSeq,
      snapshot: async ({ write }) => {
        await write('state', [Buffer.from('state')])
        return null
      },
    })
}
