import assert from 'node:assert/strict'
import { FRAME_TYPES } from '../../src/format/frame.ts'
import { segmentName, segmentSeed } from '../../src/format/segment.ts'
import { analyze } from '../../src/log/recover/analysis.ts'
import { readDirectory } from '../../src/log/recover/directory.ts'
import type { Damage } from '../../src/mod.ts'
import { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import type { Random } from '../../src/testing/random.ts'
import { CRAFTED_LOG_ID, frameOfEntry, frameOfPayload, segmentOf, watermarkOf } from './frames.ts'
import type { ReferenceFile } from './reference-chain.ts'
import { readReference } from './reference-reader.ts'
import { DIRECTORY, openOn, putFile } from './simulated-log.ts'

/** Reads a log with the engine and with the reference, and compares all that both tell. */
export async function compareReaders(files: readonly ReferenceFile[], about: string): Promise<void> {
  const disk = new SimulatedDisk()
  for (const { name, content } of files) await putFile(disk, `${DIRECTORY}/${name}`, content)
  disk.onOperation = ({ kind, path, position, bytes }) => {
    const { unreadable = [] } = files.find(({ name }) => path.endsWith(name)) ?? {}
    const met = unreadable.some(
      (sector) => sector * 512 < position! + bytes! && sector * 512 + 512 > position!,
    )
    return kind === 'read' && met ? { code: 'EIO' } : undefined
  }
  const expected = readReference(files)
  if (expected === undefined && files.some(({ unreadable }) => unreadable)) return
  const found = await analyze(disk, await readDirectory(disk, DIRECTORY))
  if (expected === undefined) {
    assert.equal(found.logId, undefined, about)
    return
  }
  const wal = await openOn(disk, { readOnly: true, recovery: 'salvage' })
  const read: number[] = []
  for await (const { seq } of wal.read()) read.push(seq)
  assert.deepEqual(
    {
      end: found.endSeq,
      promised: found.durableBefore,
      closed: found.closed,
      files: found.segments.map(({ name }) => name),
      records: found.tally.entries,
      read,
      damage: found.damage.filter(({ kind }) => kind !== 'foreign').map(inShort),
      badPlaces: found.anomalies.map(({ kind, file, offset, bytes, lostFrom, lostThrough }) => ({
        file,
        offset,
        to: offset + bytes,
        lostFrom,
        lostThrough,
        missingFile: kind === 'missing-segment',
      })),
    },
    {
      end: expected.end,
      promised: expected.promised,
      closed: expected.closed,
      files: expected.files,
      records: expected.records.length,
      read: expected.records.map(({ seq }) => seq),
      damage: expected.damage,
      badPlaces: expected.badPlaces,
    },
    about,
  )
}

const inShort = ({ kind, file, acknowledged, seqs }: Damage): string =>
  [kind, file, String(acknowledged), ...seqs.map(({ from, through }) => `${from}..${through}`)].join(' ')

/** Any frames, in any order, with anything between them. */
function soup(random: Random, seed: number, from: number): Buffer[] {
  const pieces: Buffer[] = []
  let seq = from
  let durable = from
  const count = random.below(12)
  for (let piece = 0; piece < count; piece++) {
    const chance = random.below(100)
    if (chance < 12) seq += 1 + random.below(3)
    else if (chance < 18) seq = Math.max(0, seq - 1 - random.below(3))
    const kind = random.below(100)
    durable = random.chance(0.4) ? Math.min(seq, durable + random.below(4)) : Math.min(seq, durable)
    const fields = { seq, durableBefore: durable }
    if (kind < 45)
      pieces.push(frameOfEntry({ type: 'delete', id: 'x'.repeat(1 + random.below(40)) }, fields, seed))
    else if (kind < 52)
      pieces.push(
        frameOfEntry(
          { type: 'custom', kind: 'k', data: new Uint8Array(random.pick([1000, 5000, 9000])) },
          fields,
          seed,
        ),
      )
    else if (kind < 60) {
      const throughSeq = seq + random.below(4)
      pieces.push(frameOfEntry({ type: 'gap', throughSeq }, fields, seed))
      seq = throughSeq
    } else if (kind < 75) {
      const filler = Buffer.alloc(8 * random.below(64))
      pieces.push(filler, watermarkOf(seq, seed, random.chance(0.3) ? 2 : 0))
      seq--
    } else if (kind < 82) pieces.push(Buffer.alloc(8 * (1 + random.below(20)), 0xab))
    else if (kind < 88) pieces.push(Buffer.alloc(8 * (1 + random.below(20))))
    else if (kind < 95) {
      const bad = frameOfEntry({ type: 'delete', id: 'bad' }, fields, seed)
      bad[random.pick([5, 33, 37, 45, 55])]! ^= 1
      pieces.push(bad)
    } else pieces.push(frameOfPayload(Buffer.alloc(8), { ...fields, type: FRAME_TYPES.gap }, seed))
    seq++
  }
  return pieces
}

/** A log of up to four segments, most of them with headers. */
export function soupLog(random: Random): ReferenceFile[] {
  const files: ReferenceFile[] = []
  let firstSeq = random.pick([0, 0, 0, 5])
  let number = 0
  let previous = 0
  const count = 1 + random.below(4)
  for (let index = 0; index < count; index++) {
    number += random.chance(0.85) ? 1 : 2
    const seed = segmentSeed(CRAFTED_LOG_ID, number)
    const frames = soup(random, seed, firstSeq)
    const durableBefore = firstSeq + (random.chance(0.1) ? random.below(3) : 0)
    const logId = random.chance(0.03) ? Buffer.alloc(16, 9) : CRAFTED_LOG_ID
    const fields = {
      number,
      firstSeq,
      durableBefore,
      previous: random.chance(0.9) ? previous : number + 7,
      logId,
    }
    let content = segmentOf({ ...fields, capacity: 8192 }, () => frames)
    if (random.chance(0.12)) content.fill(random.pick([0, 7]), 0, random.pick([512, 1024]))
    if (random.chance(0.06)) content = content.subarray(0, random.below(content.length))
    if (random.chance(0.05)) content.fill(0, 1024)
    files.push({ name: segmentName(number), content })
    previous = number
    firstSeq = Math.max(0, firstSeq + random.below(8) - (random.chance(0.2) ? 3 : 0))
  }
  return files
}

/**
 * A log of one large segment: records and rubbish of up to 1.5 MiB, so that a window of 1 MiB ends
 * anywhere in them.
 */
export function largeLog(random: Random): ReferenceFile[] {
  const seed = segmentSeed(CRAFTED_LOG_ID, 1)
  const pieces: Buffer[] = []
  for (let seq = 0; seq < 12; seq++) {
    const bytes = random.pick([100, 8_000, 200_000, 500_000, 1_048_000 + 8 * random.below(200), 1_500_000])
    const frame = frameOfEntry(
      { type: 'custom', kind: 'k', data: Buffer.alloc(bytes, seq + 1) },
      { seq, durableBefore: seq },
      seed,
    )
    if (random.chance(0.2)) frame[random.pick([50, Math.min(90, frame.length - 8), 20])]! ^= 4
    pieces.push(frame)
    if (random.chance(0.15)) pieces.push(Buffer.alloc(8 * random.below(200_000), 0xf5))
    if (random.chance(0.15)) pieces.push(Buffer.alloc(8 * random.below(200_000)), watermarkOf(seq + 1, seed))
  }
  const content = segmentOf({}, () => pieces)
  return [
    {
      name: segmentName(1),
      content: random.chance(0.2) ? content.subarray(0, -8 * random.below(50_000)) : content,
    },
  ]
}
