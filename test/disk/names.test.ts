import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDirectory, ensureDirectory } from '../../src/disk/directories.ts'
import { changeNames } from '../../src/disk/names.ts'
import { segmentName } from '../../src/format/segment.ts'
import { createSegment } from '../../src/log/segment/segments.ts'
import {
  DIRECTORY,
  emptyDirectory,
  type Fault,
  namesOn,
  type Operation,
  putFile,
  type SimulatedDisk,
  segmentAt,
} from '../support/kit.ts'

const FOLDER = `${DIRECTORY}/snapshots`

/** Fails the first operation of a kind from now on. */
function failFirst(disk: SimulatedDisk, kind: Operation['kind'], fault: Fault): void {
  disk.onOperation = (operation) => {
    if (operation.kind !== kind) return undefined
    disk.onOperation = undefined
    return fault
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await null
}

test("a sync that fails takes no other's change of names with it, whenever the two meet", async () => {
  const met = new Set<string>()
  for (let later = 0; later < 40; later++) {
    const disk = await emptyDirectory()
    await putFile(disk, segmentAt(1), Buffer.from('segment'))
    const from = disk.ops.length
    failFirst(disk, 'syncDirectory', { code: 'EIO' })
    const making = createSegment(disk, DIRECTORY, 2, 4096)
    await turns(later)
    const removing = changeNames(disk, DIRECTORY, () => disk.remove(segmentAt(1)))
    const [made, removed] = await Promise.allSettled([making, removing])
    assert.deepEqual([made.status, removed.status].sort(), ['fulfilled', 'rejected'], `${later} turns later`)
    const left = await namesOn(disk.crash('nothing'))
    assert.equal(left.includes(segmentName(2)), made.status === 'fulfilled', `${later} turns later`)
    assert.equal(left.includes(segmentName(1)), removed.status === 'rejected', `${later} turns later`)
    const order = disk.ops
      .slice(from)
      .filter(({ kind, path }) => kind === 'link' || (kind === 'remove' && !path.endsWith('.tmp')))
    met.add(`${made.status}, ${order.map(({ kind }) => kind).join(' ')}`)
  }
  assert.ok(met.size > 1, 'the two never met in another order')
})

test('what fails in one step does not end the next one, and steps in two directories do not wait for each other', async () => {
  const disk = await emptyDirectory()
  await disk.makeDirectory(FOLDER)
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const failed = changeNames(disk, DIRECTORY, () => held.then(() => Promise.reject(new Error('on purpose'))))
  const next = changeNames(disk, DIRECTORY, () => putFile(disk, segmentAt(1), Buffer.from('segment')))
  await changeNames(disk, FOLDER)
  await turns(20)
  assert.deepEqual(await namesOn(disk), ['snapshots'], 'the second step waits for the first')
  release()
  await assert.rejects(failed, { message: 'on purpose' })
  await next
  assert.ok((await namesOn(disk.crash('nothing'))).includes(segmentName(1)))
})

test('steps that are asked for at different times come one after the other all the same', async () => {
  const disk = await emptyDirectory()
  let underWay = 0
  const step = (): Promise<void> =>
    changeNames(disk, DIRECTORY, async () => {
      assert.equal(++underWay, 1, 'two at a time')
      await turns(10)
      underWay--
    })
  const steps = [step(), step()]
  await steps[0]
  steps.push(step())
  await Promise.all(steps)
})

for (const [what, kind, fault] of [
  ['fails', 'makeDirectory', { code: 'EIO' }],
  ['is made though the disk says it is not', 'makeDirectory', { code: 'EIO', applied: true }],
  ['is made and not synced', 'syncDirectory', { code: 'EIO' }],
  ['is made and not synced for want of space', 'syncDirectory', { code: 'ENOSPC' }],
] as const)
  test(`a folder that ${what} is not there, and the next try makes it durably`, async () => {
    const disk = await emptyDirectory()
    failFirst(disk, kind, fault)
    await assert.rejects(ensureDirectory(disk, FOLDER), { code: fault.code })
    assert.deepEqual(await namesOn(disk), [])
    failFirst(disk, 'syncDirectory', { code: 'EIO' })
    await assert.rejects(changeNames(disk, DIRECTORY), { code: 'EIO' })
    await ensureDirectory(disk, FOLDER)
    assert.deepEqual(await namesOn(disk.crash('nothing')), ['snapshots'])
  })

test('a folder that is there, or that cannot be made because its parent is not, is left as it is', async () => {
  const disk = await emptyDirectory()
  await disk.makeDirectory(FOLDER)
  await assert.rejects(createDirectory(disk, FOLDER), { code: 'EEXIST' })
  assert.deepEqual(await namesOn(disk), ['snapshots'])
  await assert.rejects(createDirectory(disk, `${DIRECTORY}/missing/folder`), { code: 'ENOENT' })
})

test('an empty folder whose sync failed for a process that was killed then gets its name anew, and one that is not empty is left', async () => {
  const disk = await emptyDirectory()
  await disk.makeDirectory(FOLDER)
  failFirst(disk, 'syncDirectory', { code: 'EIO' })
  await assert.rejects(disk.syncDirectory(DIRECTORY), { code: 'EIO' })
  const next = disk.kill()
  await ensureDirectory(next, FOLDER)
  assert.deepEqual(await namesOn(next.crash('nothing')), ['snapshots'])
  await putFile(next, `${FOLDER}/kept`, Buffer.from('content'))
  await ensureDirectory(next, FOLDER)
  assert.deepEqual(await namesOn(next.crash('nothing'), FOLDER), ['kept'])
})
