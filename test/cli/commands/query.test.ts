import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { usearch } from '../../../src/adapters/usearch.ts'
import { DurableIndex, flat, temporaryDirectory, type VectorIndex, Wal } from '../../support/kit.ts'
import { assertRefused, assertUnchanged, jsonLines, textLines } from './program.ts'

async function someIndex(
  t: TestContext,
  engine: VectorIndex = flat({ dimensions: 2, metric: 'l2' }),
): Promise<string> {
  const directory = await temporaryDirectory(t)
  await using index = await DurableIndex.open({ directory, index: engine })
  await index.insert('origin', [0, 0])
  await index.insert('near', [1, 0], { lang: 'en' })
  await index.insert('far', [3, 4])
  await index.checkpoint()
  await index.insert('late', [0, 2])
  return directory
}

test('The nearest to a stored vector, nearest first, from the snapshot and the log behind it', async (t) => {
  const directory = await someIndex(t)
  await assertUnchanged(directory, async () => {
    assert.deepEqual(await jsonLines(0, 'query', directory, 'origin'), [
      { id: 'origin', distance: 0, metadata: null },
      { id: 'near', distance: 1, metadata: { lang: 'en' } },
      { id: 'late', distance: 4, metadata: null },
      { id: 'far', distance: 25, metadata: null },
    ])
  })
  assert.deepEqual(await textLines(0, 'query', directory, 'origin'), [
    ' 0.0000  origin',
    ' 1.0000  near    {"lang":"en"}',
    ' 4.0000  late',
    '25.0000  far',
  ])
})

test('An index of an engine is searched exactly, without the engine', async (t) => {
  const directory = await someIndex(t, usearch({ dimensions: 2, metric: 'l2', quantization: 'bf16' }))
  await assertUnchanged(directory, async () => {
    const hits = await jsonLines(0, 'query', directory, 'origin')
    assert.deepEqual(
      hits.map((hit) => (hit as { id: string }).id),
      ['origin', 'near', 'late', 'far'],
    )
  })
})

test('The nearest to a given vector, as many as are asked for', async (t) => {
  const directory = await someIndex(t)
  const hits = await jsonLines(0, 'query', directory, '--vector', '[3, 3.5]', '-k', '2')
  assert.deepEqual(hits, [
    { id: 'far', distance: 0.25, metadata: null },
    { id: 'late', distance: 11.25, metadata: null },
  ])
})

test('What a filter takes is found, before it counts', async (t) => {
  const directory = await someIndex(t)
  const idsOf = async (filter: string): Promise<unknown> =>
    (await jsonLines(0, 'query', directory, 'origin', '-k', '1', '--filter', filter)).map(
      (hit) => (hit as { id: string }).id,
    )
  assert.deepEqual(await idsOf('{"lang":{"$in":["en","de"]}}'), ['near'])
  assert.deepEqual(await idsOf('{"lang":{"$exists":false}}'), ['origin'])
  assert.deepEqual(await textLines(0, 'query', directory, 'origin', '--filter', '{"lang":"fr"}'), [])
})

test('A filter that is none is wrong use, and an operator that there is not is named', async (t) => {
  const directory = await someIndex(t)
  for (const wrong of ['lang=en', '["lang"]', '5', 'null', ''])
    await assertRefused(
      ['query', directory, 'origin', `--filter=${wrong}`],
      2,
      'WALV_USAGE',
      /--filter must be a JSON object/,
    )
  await assertRefused(
    ['query', directory, 'origin', '--filter', '{"lang":{"$like":"e%"}}'],
    2,
    'WALV_INVALID_OPTION',
    /filter\.lang has no operator "\$like"\. There are: \$eq/,
  )
})

test('An id that is not there is a negative answer', async (t) => {
  const directory = await someIndex(t)
  await assertRefused(
    ['query', directory, 'nobody', '--json'],
    1,
    'WALV_NOT_FOUND',
    /There is no "nobody" among the 4 vectors in /,
  )
})

test('A vector that is none, or of other dimensions, is refused', async (t) => {
  const directory = await someIndex(t)
  const refused = (
    vector: string,
    code: Parameters<typeof assertRefused>[2],
    message: RegExp,
  ): Promise<void> => assertRefused(['query', directory, '--json', `--vector=${vector}`], 2, code, message)
  for (const vector of ['', '1,2', '{}', '3', '[1,', '["1"]', '[1,null]', '[[1,2]]', 'NaN', '[NaN, 1]']) {
    await refused(
      vector,
      'WALV_USAGE',
      /--vector must be a JSON array of numbers, such as "\[0\.1, -0\.2\]"\./,
    )
  }
  await refused('[1,2,3]', 'WALV_INVALID_VECTOR', /has 3 dimensions; the index has 2\./)
  await refused('[]', 'WALV_INVALID_VECTOR', /has 0 dimensions; the index has 2\./)
  await refused('[1,1e400]', 'WALV_INVALID_VECTOR', /finite/)
  await refused('[1,1e300]', 'WALV_INVALID_VECTOR', /finite/)
})

test('Neither an id nor a vector, or both, is refused; so is a number out of range', async (t) => {
  const directory = await someIndex(t)
  await assertRefused(['query', directory], 2, 'WALV_USAGE', /Give either an ID or --vector/)
  await assertRefused(
    ['query', directory, 'near', '--vector', '[1,2]'],
    2,
    'WALV_USAGE',
    /Give either an ID or --vector/,
  )
  for (const k of ['0', '-1', '1.5', '100001', 'ten'])
    await assertRefused(
      ['query', directory, 'near', `-k${k}`],
      2,
      'WALV_USAGE',
      /-k needs a whole number from 1 to 100,000/,
    )
})

test('The metric is that of the index, with a snapshot or without; another is refused', async (t) => {
  const directory = await temporaryDirectory(t)
  await using index = await DurableIndex.open({ directory, index: flat({ dimensions: 2, metric: 'l2' }) })
  await index.batch([
    {
      type: 'batch',
      entries: [
        { type: 'insert', id: 'a', vector: [1, 0] },
        { type: 'insert', id: 'b', vector: [5, 0] },
      ],
    },
  ])
  await index.close()
  const distances = async (...options: string[]): Promise<number[]> =>
    (await jsonLines(0, 'query', directory, 'a', ...options)).map(({ distance }) => distance)
  assert.deepEqual(await distances(), [0, 16])
  assert.deepEqual(await distances('--metric', 'l2'), [0, 16])
  await assertRefused(
    ['query', directory, 'a', '--metric', 'ip'],
    2,
    'WALV_INDEX_MISMATCH',
    /has the metric l2, not ip/,
  )
  const kept = await someIndex(t)
  await assertRefused(
    ['query', kept, 'near', '--metric', 'ip'],
    2,
    'WALV_INDEX_MISMATCH',
    /has the metric l2, not ip\. Leave out --metric\./,
  )
})

test('Nothing in an id or in metadata reaches the terminal as a control', async (t) => {
  const directory = await temporaryDirectory(t)
  const nasty = '\x1b[31m\u009b\n\u202e'
  await using index = await DurableIndex.open({ directory, index: flat({ dimensions: 1 }) })
  await index.insert(nasty, [1], { [nasty]: nasty })
  await index.close()
  const lines = await textLines(0, 'query', directory, '--vector', '[1]')
  assert.deepEqual(lines, [
    '0.0000  \\u001b[31m\\u009b\\u000a\\u202e  {"\\u001b[31m\\u009b\\n\\u202e":"\\u001b[31m\\u009b\\n\\u202e"}',
  ])
})

test('A directory without vectors, or without a log, is a negative answer', async (t) => {
  const directory = await temporaryDirectory(t)
  await assertRefused(
    ['query', directory, 'a'],
    1,
    'WALV_NOT_FOUND',
    /There is no vector in .* Check the path\./,
  )
  await using wal = await Wal.open({ directory })
  await wal.append({ type: 'delete', id: 'a' })
  await wal.close()
  await assertRefused(['query', directory, 'a'], 1, 'WALV_NOT_FOUND', /There is no vector in /)
})

test('A log whose snapshot is not that of an index is refused', async (t) => {
  const directory = await temporaryDirectory(t)
  await using wal = await Wal.open({ directory })
  const seq = await wal.append({ type: 'insert', id: 'a', vector: [1] })
  await wal.checkpoint({ seq, snapshot: async () => null })
  await wal.close()
  await assertRefused(['query', directory, 'a'], 2, 'WALV_INDEX_MISMATCH', /snapshot/)
})
