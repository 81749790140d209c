import assert from 'node:assert/strict'
import { test } from 'node:test'
import { frameBytes } from '../../../src/format/frame.ts'
import {
  brief,
  collect,
  frameOfEntry,
  openOn,
  putFile,
  type RecoveryPolicy,
  SimulatedDisk,
  segmentAt,
  segmentOf,
  watermarkOf,
} from '../../support/kit.ts'

const deletion = (seq: number, seed: number, durableBefore = 0): Buffer =>
  frameOfEntry({ type: 'delete', id: `id-${seq}` }, { seq, durableBefore }, seed)

/**
 * Record 1 is gone, with a record in its place that was written for another; behind record 2 stands
 * an old promise.
 */
async function log(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  const content = segmentOf({}, (seed) => [
    deletion(0, seed),
    Buffer.concat([Buffer.alloc(16, 1), deletion(9, seed)]),
    deletion(2, seed, 2),
    watermarkOf(1, seed),
  ])
  await putFile(disk, segmentAt(1), content)
  return disk
}

test('what stands behind the end of a log does not change what is read before it', async () => {
  const wal = await openOn(await log(), { readOnly: true, recovery: 'salvage' })
  assert.deepEqual(wal.recovery.damage.map(brief), ['corrupt 1..1 true', 'torn-tail false'])
  const found = await collect(wal.read())
  assert.deepEqual(
    found.map(({ seq }) => seq),
    [0, 2],
  )
})

test('records that are missing between two that verify are told where the second stands, and no ids with them', async () => {
  const disk = new SimulatedDisk()
  const content = segmentOf({}, (seed) => [deletion(0, seed), deletion(3, seed, 3), watermarkOf(4, seed)])
  await putFile(disk, segmentAt(1), content)
  const wal = await openOn(disk, { readOnly: true, recovery: 'salvage' })
  const [damage, ...others] = wal.recovery.damage
  assert.deepEqual(
    [brief(damage!), damage!.offset, damage!.bytes, damage!.ids],
    ['corrupt 1..2 true', 1080, 0, []],
  )
  assert.match(damage!.detail, /records are missing before this place/)
  assert.deepEqual(others, [])
})

for (const recovery of ['salvage', 'repair'] as const satisfies readonly RecoveryPolicy[]) {
  test(`nor does it keep the log from being opened with '${recovery}'`, async () => {
    const wal = await openOn(await log(), { recovery })
    const found = await collect(wal.read())
    assert.deepEqual(
      found.filter(({ entry }) => entry.type !== 'gap').map(({ seq }) => seq),
      [0, 2],
    )
    await wal.close()
  })
}

test('zeros that lead up to a promise are no damage, wherever a window ends', async () => {
  for (let before = 520; before < 576; before += 8) {
    const disk = new SimulatedDisk()
    const custom = (seq: number, bytes: number, seed: number): Buffer => {
      let length = bytes - 49
      while (frameBytes(9 + length) > bytes) length--
      return frameOfEntry({ type: 'custom', kind: 'k', data: Buffer.alloc(length, 1) }, { seq }, seed)
    }
    // The second window of 1 MiB begins with record 1, and ends just behind the place of the
    // promise.
    const content = segmentOf({}, (seed) => {
      const records = [custom(0, before, seed), custom(1, 1024 * 1024 - 64, seed)]
      const used = 1024 + Buffer.concat(records).length
      return [
        ...records,
        Buffer.alloc(512 - (used % 512)),
        watermarkOf(2, seed),
        Buffer.alloc(472),
        watermarkOf(2, seed),
      ]
    })
    await putFile(disk, segmentAt(1), content)
    const wal = await openOn(disk, { readOnly: true })
    assert.deepEqual([wal.recovery.damage, wal.lastSeq], [[], 1], `record 0 of ${before} bytes`)
  }
})
