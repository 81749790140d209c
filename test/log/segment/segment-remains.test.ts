/** What a failed attempt at a segment leaves behind is the writer's own, and nobody else's. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  collect,
  customOf,
  DIRECTORY,
  failingLog,
  insert,
  namesOn,
  openOn,
  refusal,
  type SimulatedDisk,
  segmentAt,
  settled,
  type Wal,
} from '../../support/kit.ts'

const NAMES = new RegExp(`^${DIRECTORY}$`)
const SECOND = new RegExp(`^${segmentAt(2)}$`)

async function goesOn(wal: Wal, below: SimulatedDisk): Promise<void> {
  const last = await wal.append(insert('goes on'))
  await wal.close()
  const again = await openOn(below)
  assert.deepEqual(
    (await collect(again.read())).map(({ seq }) => seq),
    Array.from({ length: last + 1 }, (_, seq) => seq),
  )
  assert.deepEqual(again.recovery.damage, [])
  await again.close()
}

test('a segment that could neither be named durably nor be removed is not taken for that of another writer', async () => {
  const { wal, disk, below } = await failingLog()
  await wal.append(insert('before'))
  disk.fail({ operation: 'syncDirectory', path: NAMES, code: 'EIO' })
  disk.fail({ operation: 'remove', path: SECOND, code: 'EIO', times: 2 })
  for (let attempt = 0; attempt < 2; attempt++) {
    await assert.rejects(wal.append(customOf(300_000)), refusal('WALV_IO', 'not-logged'))
    assert.ok((await namesOn(below)).includes('segment-0000000002.walv'), 'it is left')
  }
  assert.equal(await wal.append(customOf(300_000)), 1)
  await goesOn(wal, below)
})

test('a prepared segment that was too small, and could not be removed, is not written to', async () => {
  const { wal, disk, below } = await failingLog()
  await wal.append(customOf(150_000))
  await settled()
  assert.ok((await namesOn(below)).includes('segment-0000000002.walv'), 'it is prepared')
  disk.fail({ operation: 'syncDirectory', path: NAMES, code: 'EIO' })
  await assert.rejects(wal.append(customOf(1_000_000)), refusal('WALV_IO', 'not-logged'))
  assert.equal(await wal.append(customOf(150_000)), 1, 'this has room in what was prepared')
  await goesOn(wal, below)
})
