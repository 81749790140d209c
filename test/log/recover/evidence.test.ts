import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byteBuffer } from '../../../src/format/byte-buffer.ts'
import { FRAME_TYPES } from '../../../src/format/frame.ts'
import { SegmentCodec } from '../../../src/format/segment-codec.ts'
import {
  alterOn,
  contentOf,
  customOf,
  DIRECTORY,
  emptyDirectory,
  headerOn,
  namesOn,
  openOn,
  Random,
  type SimulatedDisk,
  type Wal,
} from '../../support/kit.ts'

const POLICIES = ['strict', 'salvage', 'repair'] as const
const RUNS = 60
const RECORD_BYTES = 30_000
const CONTENT = Buffer.alloc(RECORD_BYTES - 200, 7)
const FOLDERS = ['snapshots', 'quarantine'] as const

const stateOf = (through: number): string => `everything through ${through}`

const checkpoint = (wal: Wal): Promise<unknown> =>
  wal.checkpoint({
    seq: wal.lastSeq,
    snapshot: async (files) => {
      await files.write('state', [Buffer.from(stateOf(wal.lastSeq))])
      return null
    },
  })

/** Many small segments, two snapshots, opened several times, closed in order. */
async function wholeLog(): Promise<{ disk: SimulatedDisk; logId: Buffer }> {
  const disk = await emptyDirectory()
  for (let opening = 0; opening < 3; opening++) {
    const wal = await openOn(disk, { segmentMaxBytes: 64 * 1024 })
    for (let count = 0; count < 8; count++) {
      await wal.append(customOf(RECORD_BYTES))
      if (opening > 0 && count === 5) await checkpoint(wal)
    }
    await wal.close()
  }
  const [first] = (await namesOn(disk)).filter((name) => name.endsWith('.walv'))
  return { disk, logId: (await headerOn(disk, Number(/\d+/.exec(first!)![0]))).logId }
}

async function filesIn(disk: SimulatedDisk): Promise<string[]> {
  const found: string[] = (await namesOn(disk)).filter((name) => name.endsWith('.walv'))
  for (const folder of FOLDERS) {
    const names = await namesOn(disk, `${DIRECTORY}/${folder}`).catch(() => [])
    found.push(...names.map((name) => `${folder}/${name}`))
  }
  return found
}

/**
 * The records whose effect can be had from what is on the disk, wherever it is: from a frame that
 * verifies, or from a snapshot.
 */
async function restorable(disk: SimulatedDisk, logId: Buffer): Promise<Set<number>> {
  const seqs = new Set<number>()
  for (const name of await filesIn(disk)) {
    const path = `${DIRECTORY}/${name}`
    const number = Number(/segment-(\d{10})\.walv/.exec(name)?.[1] ?? Number.NaN)
    if (!Number.isNaN(number))
      for (const seq of recordsIn(await contentOf(disk, path), logId, number)) seqs.add(seq)
    const through = Number(/snapshot-(\d{16})/.exec(name)?.[1] ?? Number.NaN)
    const state = Number.isNaN(through) ? '' : await contentOf(disk, `${path}/state`).then(String, () => '')
    if (state === stateOf(through)) for (let seq = 0; seq <= through; seq++) seqs.add(seq)
  }
  return seqs
}

function recordsIn(content: Buffer, logId: Buffer, number: number): number[] {
  const memory = byteBuffer(content.length)
  content.copy(memory.bytes)
  const seqs: number[] = []
  for (let at = 1024; at + 40 <= content.length; at += 8) {
    if (content[at] !== 0xf5) continue
    const header = SegmentCodec.of(logId, number).readHeader(memory, at, at)
    if (header?.type === FRAME_TYPES.custom && isWholeFrame(content, at, header.payloadBytes))
      seqs.push(header.seq)
  }
  return seqs
}

/**
 * The content of every record here is the same byte many times; its sum is not looked at, to save
 * time.
 */
const isWholeFrame = (content: Buffer, at: number, bytes: number): boolean =>
  content.subarray(at + 80, at + 80 + CONTENT.length).equals(CONTENT.subarray(0, bytes))

/** Files vanish, bits flip, a superseded segment is still there: one to three of these. */
async function harm(disk: SimulatedDisk, random: Random): Promise<void> {
  for (let times = 1 + random.below(3); times > 0; times--) {
    const files = (await filesIn(disk)).filter((name) => !name.startsWith('quarantine'))
    if (files.length === 0) return
    const name = random.pick(files)
    if (random.chance(0.6)) await disk.remove(`${DIRECTORY}/${name}`)
    else if (name.endsWith('.walv'))
      await alterOn(disk, `${DIRECTORY}/${name}`, (content) => {
        const at = 2_000 + random.below(50_000)
        content.fill(9, at, at + 8)
      })
    else await alterOn(disk, `${DIRECTORY}/${name}/state`, (content) => content.fill(9, 0, 1))
  }
}

test('opening deletes nothing that anything could still be restored from, whatever was lost, under each policy', async () => {
  const { disk: whole, logId } = await wholeLog()
  const outcomes = new Map<string, number>()
  for (let run = 0; run < RUNS; run++) {
    const random = new Random(run)
    const disk = whole.kill()
    await harm(disk, random)
    for (let opening = 0; opening < 3; opening++) {
      const recovery = random.pick(POLICIES)
      const before = await restorable(disk, logId)
      const told = await openOn(disk, { recovery, segmentMaxBytes: 64 * 1024, checkpointRetention: 2 }).then(
        async (wal) => {
          await wal.close()
          return wal.recovery.damage.map(({ kind }) => kind)
        },
        ({ code }) => [code],
      )
      // What stands behind a torn tail is no part of the log, and was never acknowledged.
      if (told.includes('torn-tail')) break
      const after = await restorable(disk, logId)
      const lost = [...before].filter((seq) => !after.has(seq))
      assert.deepEqual(lost, [], `run ${run}, opening ${opening} with ${recovery}: ${told}`)
      const outcome = `${recovery} ${told.length === 0 ? 'whole' : told[0] === 'WALV_DAMAGED' ? 'refused' : 'damaged'}`
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    }
  }
  for (const outcome of ['strict refused', 'salvage damaged', 'repair damaged', 'strict whole'])
    assert.ok((outcomes.get(outcome) ?? 0) >= 10, `${outcome}: ${outcomes.get(outcome)}`)
})
