import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { SimulatedFs, Violation } from '../support/kit.ts'
import { crashTest } from './samples/crash-test.ts'
import { save as saveAndRename } from './samples/save-and-rename.ts'
import { save as saveDurably } from './samples/save-durably.ts'
import { save as saveInPlace } from './samples/save-in-place.ts'

type Save = typeof saveDurably

async function violationsOf(save: Save): Promise<readonly Violation[]> {
  return (await crashTest(save)).violations
}

const DAMAGED = /^neither version is there/
const LOST = 'version 2 was saved, and version 1 is there'

test('saving in place is found to damage what was there, and told in operations and sectors', async () => {
  const violations = await violationsOf(saveInPlace)
  const damaged = violations.filter(({ error }) => DAMAGED.test(error.message))
  assert.ok(damaged.length > 0)
  for (const { cut, seed } of damaged) {
    assert.equal(seed, 1)
    assert.ok(cut!.story.some((line) => /^\d+: truncate \/state$/.test(line)))
    assert.ok(cut!.landed.length > 0)
    for (const line of cut!.landed) assert.match(line, /^(size|sector \d) of \/state, by operation \d+$/)
    assert.ok(cut!.landed.every((line) => Number(/\d+$/.exec(line)![0]) < cut!.afterOperations))
  }
  assert.ok(violations.some(({ error }) => error.message === LOST))
})

test('saving beside and renaming without a sync is found to lose what was saved', async () => {
  const violations = await violationsOf(saveAndRename)
  assert.ok(violations.length > 0)
  for (const { error, cut } of violations) {
    assert.equal(error.message, LOST)
    assert.ok(cut!.story.at(-1)!.endsWith('rename /state.tmp to /state'))
    assert.deepEqual(cut!.landed, [], 'it takes nothing but the cut')
  }
})

test('saving durably survives every power cut that is tried', async () => {
  const { cuts, states, violations } = await crashTest(saveDurably)
  assert.deepEqual(violations, [])
  assert.equal(cuts, 7)
  assert.ok(states >= cuts, `${states} states`)
})

/** A file system on which syncing some paths does nothing. */
const withoutSync = (fs: Parameters<Save>[2], skips: (path: string) => boolean): Parameters<Save>[2] => ({
  ...(fs as SimulatedFs),
  async open(path, flags) {
    const handle = await fs!.open(path, flags)
    if (skips(path as string)) handle.sync = async () => {}
    return handle
  },
})

test('without the sync of the file, the name is there and the content is not', async () => {
  const violations = await violationsOf((path, text, fs) =>
    saveDurably(
      path,
      text,
      withoutSync(fs, (each) => each !== dirname(path)),
    ),
  )
  assert.ok(violations.some(({ error }) => error.message === 'neither version is there, but 0 characters'))
})

test('without the sync of the directory, the name is not there after it was saved', async () => {
  const violations = await violationsOf((path, text, fs) =>
    saveDurably(
      path,
      text,
      withoutSync(fs, (each) => each === dirname(path)),
    ),
  )
  assert.deepEqual([...new Set(violations.map(({ error }) => error.message))], [LOST])
})

test('the same code saves real files', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'walv-save-'))
  try {
    for (const save of [saveInPlace, saveAndRename, saveDurably]) {
      const path = join(directory, 'state')
      await save(path, save.toString())
      assert.equal(await readFile(path, 'utf8'), save.toString())
    }
  } finally {
    await rm(directory, { recursive: true })
  }
})
