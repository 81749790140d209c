import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SnapshotStore } from '../../../src/log/checkpoint/snapshot-store.ts'
import { freeName } from '../../../src/log/quarantine.ts'
import { contentOf, DIRECTORY, namesOn, putFile } from '../../support/kit.ts'
import { emptyStore, storeWithSnapshot, twoFiles } from './stored-snapshot.ts'

const FOLDER = `${DIRECTORY}/snapshots`
const QUARANTINE = `${DIRECTORY}/quarantine`
const NAME = 'snapshot-0000000000000007'

test('all snapshots but the named ones are removed, unfinished ones too, and what is named otherwise is left', async () => {
  const { disk, store } = await storeWithSnapshot()
  await store.publish(8, twoFiles(disk))
  await store.publish(9, twoFiles(disk))
  for (const name of [
    'snapshot-0000000000000003.tmp/a',
    `${NAME}.bak/a`,
    'snapshot-x/a',
    'other/snapshot-1',
    'README',
  ])
    await putFile(disk, `${FOLDER}/${name}`, Buffer.from('x'))
  await store.keepOnly(new Set([NAME, 'snapshot-0000000000000009']))
  const left = ['README', 'other', NAME, `${NAME}.bak`, 'snapshot-0000000000000009', 'snapshot-x']
  assert.deepEqual(await namesOn(disk.crash('nothing'), FOLDER), left)
  const from = disk.ops.length
  await store.keepOnly(new Set([NAME, 'snapshot-0000000000000009']))
  assert.deepEqual(
    disk.ops.slice(from).map(({ kind }) => kind),
    ['list'],
    'nothing to remove, nothing to sync',
  )
})

test('of a snapshot that goes, what walv wrote is cut piece by piece, and what an engine wrote is not', async () => {
  const { disk, store } = await storeWithSnapshot()
  await store.publish(8, twoFiles(disk))
  const from = disk.ops.length
  await store.keepOnly(new Set(['snapshot-0000000000000008']))
  const steps = disk.ops.slice(from).map(({ kind, path }) => `${kind} ${path.slice(FOLDER.length + 1)}`)
  assert.deepEqual(steps, [
    'list ',
    `open ${NAME}/pieces`,
    `remove ${NAME}/pieces`,
    `syncDirectory ${NAME}`,
    `truncate ${NAME}/pieces`,
    `truncate ${NAME}/pieces`,
    `close ${NAME}/pieces`,
    `remove ${NAME}`,
    'syncDirectory ',
  ])
  const later = new SnapshotStore(disk, DIRECTORY)
  await later.keepOnly(new Set())
  assert.equal(disk.ops.at(-1)?.kind, 'syncDirectory', 'of one that another process wrote that is not known')
})

test('where there are no snapshots there is nothing to remove, to find or to put aside', async () => {
  const { store } = await emptyStore()
  await store.keepOnly(new Set())
  assert.equal(await store.isQuarantined(NAME), false)
  assert.equal(await store.quarantine(NAME), undefined)
})

test('a folder of snapshots that cannot be listed is an error', async () => {
  const { disk, store } = await storeWithSnapshot()
  disk.onOperation = ({ kind }) => (kind === 'list' ? { code: 'EIO' } : undefined)
  await assert.rejects(store.keepOnly(new Set()), { code: 'EIO' })
  await assert.rejects(store.quarantine(NAME), { code: 'EIO' })
})

test('a snapshot that is put aside keeps its content, durably, and is known to have been', async () => {
  const { disk, store } = await storeWithSnapshot()
  await store.publish(8, twoFiles(disk))
  assert.equal(await store.isQuarantined(NAME), false)
  assert.equal(await store.quarantine(NAME), `${QUARANTINE}/${NAME}`)
  const left = disk.crash('nothing')
  assert.deepEqual(await namesOn(left, FOLDER), ['snapshot-0000000000000008'])
  assert.deepEqual(await namesOn(left, QUARANTINE), [NAME])
  assert.equal((await contentOf(left, `${QUARANTINE}/${NAME}/other`)).toString(), 'by path')
  assert.equal(await store.isQuarantined(NAME), true)
  assert.equal(await store.isQuarantined('snapshot-0000000000000008'), false)
  assert.equal(await store.isQuarantined('snapshot-000000000000000'), false)
  assert.equal(await store.quarantine(NAME), undefined, 'it is no longer there')
})

test('what is put aside twice is kept twice', async () => {
  const { disk, store } = await storeWithSnapshot()
  await store.quarantine(NAME)
  for (const count of [1, 2]) {
    await store.publish(7, twoFiles(disk, `again ${count}`))
    assert.equal(await store.quarantine(NAME), `${QUARANTINE}/${NAME}.${count}`)
  }
  assert.deepEqual(await namesOn(disk.crash('nothing'), QUARANTINE), [NAME, `${NAME}.1`, `${NAME}.2`])
  await disk.remove(`${QUARANTINE}/${NAME}`)
  assert.equal(await store.isQuarantined(NAME), true, 'under another name too')
})

test('a free name is the name itself, or the first that is not taken with a number', () => {
  assert.equal(freeName('a', new Set(['b'])), 'a')
  assert.equal(freeName('a', new Set(['a'])), 'a.1')
  assert.equal(freeName('a', new Set(['a', 'a.1', 'a.3'])), 'a.2')
})
