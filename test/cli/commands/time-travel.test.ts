import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { DurableIndex, flat, temporaryDirectory } from '../../support/kit.ts'
import { assertRefused, assertUnchanged, jsonLines, textLines } from './program.ts'

const vectors = () => flat({ dimensions: 2, metric: 'l2' })

/** Records: 0 the identity, 1 to 5 the changes, one a second. */
async function someIndex(t: TestContext): Promise<string> {
  const directory = join(await temporaryDirectory(t), 'index')
  let now = 1_700_000_000_000
  await using index = await DurableIndex.open({ directory, index: vectors(), clock: () => now })
  const later = async (change: Promise<unknown>): Promise<void> => {
    await change
    now += 1_000
  }
  await later(index.insert('a', [1, 2], { n: 1 }))
  await later(index.insert('b', [3, 4]))
  await later(index.update('a', { metadata: { n: 2 } }))
  await later(index.delete('b'))
  await later(index.upsert('c\u001b[31m', [5, 6]))
  return directory
}

async function contentOf(directory: string): Promise<unknown> {
  await using index = await DurableIndex.open({ directory, index: vectors(), readOnly: true })
  return [...index.ids()]
}

test('history shows the versions of an id as log shows records, and refuses one that nothing is known of', async (t) => {
  const directory = await someIndex(t)
  await assertUnchanged(directory, async () => {
    assert.deepEqual(await textLines(0, 'history', directory, 'a'), [
      '1  2023-11-14T22:13:20.000Z  insert "a", 2 dimensions, {"n":1}',
      '3  2023-11-14T22:13:22.000Z  update "a", 2 dimensions, {"n":2}',
    ])
    const [inserted, deleted] = await jsonLines(0, 'history', directory, 'b')
    assert.deepEqual(inserted, {
      seq: '2',
      type: 'insert',
      vector: Buffer.from(Float32Array.of(3, 4).buffer).toString('base64'),
      metadata: null,
      timestamp: '1700000001000',
    })
    assert.deepEqual(deleted, {
      seq: '4',
      type: 'delete',
      vector: null,
      metadata: null,
      timestamp: '1700000003000',
    })
    await assertRefused(['history', directory, 'z'], 1, 'WALV_NOT_FOUND', /no "z" in what is kept/)
  })
})

test('diff shows what two moments differ in, by number and by time', async (t) => {
  const directory = await someIndex(t)
  await assertUnchanged(directory, async () => {
    assert.deepEqual(await textLines(0, 'diff', directory, '2'), [
      'changed  "a"',
      'removed  "b"',
      'added    "c\\u001b[31m"',
    ])
    assert.deepEqual(await jsonLines(0, 'diff', directory, '2023-11-14T22:13:21Z', '1'), [
      { id: 'b', change: 'removed' },
    ])
    assert.deepEqual(await textLines(0, 'diff', directory, '5', '5'), [])
    await assertRefused(
      ['diff', directory, 'yesterday'],
      2,
      'WALV_USAGE',
      /A moment is the number of a record/,
    )
    await assertRefused(['diff', directory, '99'], 1, 'WALV_NOT_FOUND', /no record 99 yet/)
  })
})

test('revert makes an index what it was, and says how to undo it', async (t) => {
  const directory = await someIndex(t)
  const [line] = await textLines(0, 'revert', directory, '2')
  assert.match(line!, /^3 ids changed in .*; the index has 2 vectors\. To undo it: npx walv revert \S+ 5$/)
  assert.deepEqual(await contentOf(directory), ['a', 'b'])
  const [json] = await jsonLines(0, 'revert', directory, '5')
  assert.deepEqual({ ...json.revert, durationMs: 0 }, { before: '6', changed: 3, vectors: 2, durationMs: 0 })
  assert.deepEqual(await contentOf(directory), ['a', 'c\u001b[31m'])
})

test('fork begins a new index, and changes nothing in the first', async (t) => {
  const directory = await someIndex(t)
  const target = `${directory}-fork`
  await assertUnchanged(directory, async () => {
    const [line] = await textLines(0, 'fork', directory, target, '--at', '2')
    assert.match(line!, /-fork begins with what .* was after record 2: 3 changes written again, in /)
    assert.deepEqual(await contentOf(target), ['a', 'b'])
    await assertRefused(['fork', directory, target], 2, 'WALV_INVALID_OPTION', /is not empty/)
    const [json] = await jsonLines(0, 'fork', directory, `${target}-2`)
    assert.equal(json.fork.seq, '5')
  })
})

test('log --at shows what was there at a moment', async (t) => {
  const directory = await someIndex(t)
  const seqs = async (...args: string[]): Promise<number[]> =>
    (await textLines(0, 'log', directory, ...args)).map((line) => Number.parseInt(line, 10))
  assert.deepEqual(await seqs('--at', '2'), [0, 1, 2])
  assert.deepEqual(await seqs('--at', '2023-11-14T22:13:22.500Z', '--from', '2'), [2, 3])
  assert.deepEqual(await seqs('--at', '4', '--to', '1'), [0, 1])
  await assertRefused(['log', directory, '--at', 'then'], 2, 'WALV_USAGE', /See `walv log --help`/)
})
