import assert from 'node:assert/strict'
import { test } from 'node:test'
import { moveToQuarantine } from '../../src/log/quarantine.ts'
import {
  contentOf,
  DIRECTORY,
  emptyDirectory,
  FailingDisk,
  namesOn,
  putFile,
  type SimulatedDisk,
} from '../support/kit.ts'

const FOLDER = `${DIRECTORY}/snapshots`
const SNAPSHOT = 'snapshot-0000000000000000'

/** A disk on which nothing can be renamed into quarantine/ from outside. */
async function twoFileSystems(): Promise<{ below: SimulatedDisk; disk: FailingDisk }> {
  const below = await emptyDirectory()
  await putFile(below, `${FOLDER}/${SNAPSHOT}/state`, Buffer.alloc(3 * 1024 * 1024, 'x'))
  await putFile(below, `${FOLDER}/${SNAPSHOT}/more/inner`, Buffer.from('inner'))
  const disk = new FailingDisk(below)
  disk.fail({ operation: 'rename', path: new RegExp(`snapshots/${SNAPSHOT}$`), code: 'EXDEV' })
  return { below, disk }
}

test('what cannot be renamed into quarantine/ is copied, durably, and then removed', async () => {
  const { below, disk } = await twoFileSystems()
  const path = await moveToQuarantine(disk, DIRECTORY, `snapshots/${SNAPSHOT}`)
  assert.equal(path, `${DIRECTORY}/quarantine/${SNAPSHOT}`)
  const left = below.crash('nothing')
  assert.deepEqual(await namesOn(left, FOLDER), [])
  assert.deepEqual(await contentOf(left, `${path}/state`), Buffer.alloc(3 * 1024 * 1024, 'x'))
  assert.deepEqual(await contentOf(left, `${path}/more/inner`), Buffer.from('inner'))
  assert.deepEqual(await namesOn(left, `${DIRECTORY}/quarantine`), [SNAPSHOT])
})

test('what could not be copied whole is not removed, and nothing half is left of the copy', async () => {
  for (const fault of [
    { operation: 'sync', path: /quarantine/, code: 'EIO' },
    { operation: 'write', path: /quarantine/, code: 'ENOSPC' },
    { operation: 'syncDirectory', path: /quarantine$/, code: 'EIO' },
  ] as const) {
    const { below, disk } = await twoFileSystems()
    await below.makeDirectory(`${DIRECTORY}/quarantine`)
    disk.fail(fault)
    await assert.rejects(moveToQuarantine(disk, DIRECTORY, `snapshots/${SNAPSHOT}`), { code: fault.code })
    assert.deepEqual(await namesOn(below, `${FOLDER}/${SNAPSHOT}`), ['more', 'state'])
    assert.deepEqual(await namesOn(below, `${DIRECTORY}/quarantine`), [])
  }
})
