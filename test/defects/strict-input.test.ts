/** What a call does not know is refused, with help, without repeating at length what was given. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { graphIndex } from '../../src/adapters/adapter.ts'
import { hnswlib } from '../../src/adapters/hnswlib.ts'
import { WalvVectorStore } from '../../src/adapters/langchain.ts'
import { instrument } from '../../src/adapters/otel.ts'
import { usearch } from '../../src/adapters/usearch.ts'
import { convertToV1, convertToV2, readV1Directory, recoverV1, V1Writer } from '../../src/v1/mod.ts'
import { embeddings } from '../langchain/stores.ts'
import {
  collect,
  DurableIndex,
  diagnose,
  explore,
  flat,
  nodeDisk,
  openIndex,
  openWal,
  refusal,
  SimulatedDisk,
  scanLog,
  temporaryDirectory,
  vectorIndexConformance,
  Wal,
  WalError,
  withoutSeq,
} from '../support/kit.ts'
import { HEALTH_OPTIONS, INDEX_OPTIONS, WAL_OPTIONS } from './option-names.ts'

const any = (value: unknown): never => value as never

const smallIndex = async (t: TestContext): Promise<DurableIndex> =>
  openIndex(t, { directory: await temporaryDirectory(t), index: flat({ dimensions: 2 }) })

async function errorOf(work: () => unknown): Promise<WalError> {
  try {
    await work()
  } catch (error) {
    assert.ok(error instanceof WalError, `${(error as Error).stack}`)
    return error
  }
  return assert.fail('it was not refused')
}

test('a search with a number, or with a name that other libraries use, is told of k and filter', async (t) => {
  const index = await smallIndex(t)
  for (const [options, hint] of [
    [5, 'Did you mean { k: 5 }?'],
    [{ topK: 5 }, 'Did you mean k?'],
    [{ limit: 5 }, 'Did you mean k?'],
    [{ where: {} }, 'Did you mean filter?'],
    [{ kk: 5 }, 'There are: k, filter.'],
    [null, 'There are: k, filter.'],
    [[5], 'There are: k, filter.'],
  ] as const) {
    const { code, message } = await errorOf(() => index.search([1, 2], any(options)))
    assert.equal(code, 'WALV_INVALID_OPTION')
    assert.ok(message.includes(hint), message)
  }
})

const WAL = Object.keys(WAL_OPTIONS).join(', ')
const GRAPH = 'dimensions, metric'
const HNSWLIB = `${GRAPH}, m, efConstruction, efSearch, threads, maxLag`

/**
 * Each call with options, and the options that it has. `odd` is what every call is given beside.
 */
const CALLS: Record<
  string,
  readonly [names: string, call: (t: TestContext, odd: object, path: string) => unknown]
> = {
  'Wal.open': [WAL, (_, odd, directory) => Wal.open({ directory, ...odd })],
  'DurableIndex.open': [
    `${WAL}, ${Object.keys(INDEX_OPTIONS).join(', ')}`,
    (_, odd, directory) => DurableIndex.open({ directory, index: flat({ dimensions: 2 }), ...odd }),
  ],
  search: ['k, filter', async (t, odd) => (await smallIndex(t)).search([1, 2], odd)],
  read: ['from, signal, borrow', async (t, odd, directory) => (await openWal(t, { directory })).read(odd)],
  replay: [
    'from, signal, borrow, after',
    async (t, odd, directory) => (await openWal(t, { directory })).replay(odd),
  ],
  checkpoint: [
    'seq, snapshot',
    async (t, odd, directory) =>
      (await openWal(t, { directory })).checkpoint({ seq: 0, snapshot: async () => null, ...odd }),
  ],
  health: [Object.keys(HEALTH_OPTIONS).join(', '), async (t, odd) => (await smallIndex(t)).health(odd)],
  scanLog: [
    'directory, signal, onProgress, disk',
    (_, odd, directory) => scanLog({ directory, ...odd }).next(),
  ],
  repair: [
    WAL.replace('readOnly, ', '').replace('recovery, ', ''),
    // Imported late: the commits of the track record that have this file's defects have no such
    // function.
    async (_, odd, directory) => (await import('../../src/mod.ts')).repair({ directory, ...odd }),
  ],
  insertMany: ['replace, onProgress, signal', async (t, odd) => (await smallIndex(t)).insertMany([], odd)],
  searchById: ['k, filter', async (t, odd) => (await smallIndex(t)).searchById('a', odd)],
  searchMany: ['k, filter', async (t, odd) => (await smallIndex(t)).searchMany([], odd)],
  diagnose: ['directory, disk, signal, onProgress', (_, odd, directory) => diagnose({ directory, ...odd })],
  flat: ['dimensions, metric, allowNonFinite', (_, odd) => flat({ dimensions: 2, ...odd })],
  usearch: [
    `${GRAPH}, quantization, connectivity, expansionAdd, expansionSearch, threads, maxLag`,
    (_, odd) => usearch({ dimensions: 2, ...odd }),
  ],
  hnswlib: [HNSWLIB, (_, odd) => hnswlib({ dimensions: 2, ...odd })],
  graphIndex: [`${GRAPH}, maxLag`, (_, odd) => graphIndex(any({ kind: 'x' }), { dimensions: 2, ...odd })],
  instrument: ['meterProvider, tracerProvider', (_, odd) => instrument(odd)],
  convertToV1: [
    'from, to, policy, signal, onProgress, disk',
    (_, odd, to) => convertToV1({ from: to, to, ...odd }),
  ],
  convertToV2: [
    'from, to, policy, signal, onProgress, disk',
    (_, odd, to) => convertToV2({ from: to, to, ...odd }),
  ],
  readV1Directory: ['signal', (_, odd, directory) => readV1Directory(nodeDisk, directory, odd).next()],
  recoverV1: ['policy, signal', (_, odd, directory) => recoverV1(nodeDisk, directory, odd).next()],
  'V1Writer.create': ['maxFileBytes', (_, odd, directory) => V1Writer.create(nodeDisk, directory, odd)],
  SimulatedDisk: ['seed, quotaBytes, maxLatencyTurns', (_, odd) => new SimulatedDisk(odd)],
  explore: [
    'seed, statesPerCut, secondCutEvery, statesPerSecondCut, maxViolations, disk, prepare, run, onOperation, verify',
    (_, odd) => explore({ seed: 1, run: async () => {}, verify: async () => {}, ...odd }),
  ],
  vectorIndexConformance: [
    'minRecall',
    (_, odd) => vectorIndexConformance(() => flat({ dimensions: 2 }), odd),
  ],
  addDocuments: [
    'ids',
    async (t, odd) => new WalvVectorStore(embeddings, { index: await smallIndex(t) }).addDocuments([], odd),
  ],
}

for (const [name, [names, call]] of Object.entries(CALLS)) {
  test(`${name} refuses an option that there is not, and lists those that there are`, async (t) => {
    const directory = join(await temporaryDirectory(t), 'log')
    const { code, message } = await errorOf(() => call(t, { frobnicate: true }, directory))
    assert.equal(code, 'WALV_INVALID_OPTION')
    const [told, list] = message.split(' There are: ')
    assert.equal(told, `${name} has no option "frobnicate".`)
    assert.deepEqual(list!.replace(/\.$/, '').split(', ').toSorted(), names.split(', ').toSorted())
  })
}

/** What an option must be in every call that has it. */
const KINDS = { signal: 'an AbortSignal', onProgress: 'a function', clock: 'a function' }

for (const [name, [names, call]] of Object.entries(CALLS))
  for (const [option, what] of Object.entries(KINDS)) {
    if (!names.split(', ').includes(option)) continue
    test(`${name} refuses an option ${option} that is not ${what}`, async (t) => {
      for (const value of [5, 'x', {}]) {
        const directory = join(await temporaryDirectory(t), 'log')
        const { code, message } = await errorOf(() => call(t, { [option]: value }, directory))
        assert.equal(code, 'WALV_INVALID_OPTION')
        assert.ok(message.startsWith(`The option ${option} must be ${what}, not `), message)
      }
    })
  }

test('a transaction, a checkpoint and a file of a snapshot say what they take instead of something else', async (t) => {
  const index = await smallIndex(t)
  const transaction = await errorOf(() => index.transaction(any(undefined)))
  assert.equal(
    transaction.message,
    'transaction takes a function of the transaction, not undefined. Nothing was logged.',
  )
  const wal = await openWal(t, { directory: join(await temporaryDirectory(t), 'log') })
  const seq = await wal.append({ type: 'delete', id: 'a' })
  const checkpoint = await errorOf(() => wal.checkpoint(any({ seq })))
  assert.equal(checkpoint.message, 'The option snapshot must be a function, not undefined.')
  for (const pieces of ['text', Buffer.from('x'), [5]]) {
    const piece = await errorOf(() =>
      wal.checkpoint({
        seq,
        snapshot: async (files) => {
          await files.write('state', any(pieces))
          return null
        },
      }),
    )
    assert.match(piece.message, /^The file state of a snapshot is written of pieces of bytes: /)
  }
  for (const { code } of [transaction, checkpoint]) assert.equal(code, 'WALV_INVALID_OPTION')
  assert.equal((await wal.checkpoint({ seq, snapshot: async () => null })).sequenceNumber, seq)
})

test('what is no id is in no index, and not to be searched by', async (t) => {
  const index = await smallIndex(t)
  await index.insert('a', [1, 2])
  for (const id of [undefined, null, 5]) {
    assert.deepEqual([index.has(any(id)), index.get(any(id))], [false, undefined])
    assert.equal((await errorOf(() => index.searchById(any(id)))).code, 'WALV_INVALID_ID')
  }
})

test('a replay says what it takes as the place to begin behind', async (t) => {
  const wal = await openWal(t, { directory: join(await temporaryDirectory(t), 'log') })
  for (const after of ['x', 0.5, -2]) {
    const error = await errorOf(() => collect(wal.replay({ after: any(after) })))
    assert.equal(error.code, 'WALV_INVALID_OPTION')
    assert.match(error.message, /^The option after must be a whole number from -1 /)
  }
})

test('a number that is too large for float32 is called what it becomes', async (t) => {
  const index = await smallIndex(t)
  const error = await errorOf(() => index.insert('a', [1, 1e300]))
  assert.match(error.message, /^Element 1 of the vector of "a" is Infinity as float32\./)
})

test('a batch takes upserts', async (t) => {
  const index = await smallIndex(t)
  await index.insert('a', [1, 2], 'old')
  await index.batch([
    { type: 'upsert', id: 'a', vector: [3, 4], metadata: 'new' },
    { type: 'upsert', id: 'b', vector: [5, 6] },
    { type: 'batch', entries: [{ type: 'upsert', id: 'b', vector: [7, 8] }] },
  ])
  assert.deepEqual(withoutSeq(index.get('a')), { vector: Float32Array.of(3, 4), metadata: 'new' })
  assert.deepEqual(withoutSeq(index.get('b')), { vector: Float32Array.of(7, 8), metadata: null })
  await assert.rejects(index.batch([{ type: 'upsert', id: '', vector: [1, 2] }]), refusal('WALV_INVALID_ID'))
})

test('what is no change is refused with the list of types, and without its vector', async (t) => {
  const index = await smallIndex(t)
  const types = 'The types are: insert, upsert, update, delete, batch, custom.'
  const vector = Array(768).fill(0.123456)
  for (const [entry, what] of [
    [{ type: 'add', id: 'a', vector }, 'There is no change of type "add".'],
    [{ type: 'constructor' }, 'There is no change of type "constructor".'],
    [{ type: ['insert'], id: 'a' }, "There is no change of type [ 'insert' ]."],
    [{ id: 'a', vector }, "{ id: 'a', vector:"],
    [null, 'null has no type.'],
    [7, '7 has no type.'],
  ] as const) {
    const { code, message } = await errorOf(() => index.batch(any([entry])))
    assert.equal(code, 'WALV_INVALID_ENTRY')
    assert.ok(message.includes(what) && message.includes(types), message)
    assert.ok(message.length < 300, message)
  }
})

test('a change with a member that there is not is refused: it would be dropped in silence', async (t) => {
  const index = await smallIndex(t)
  await index.insert('a', [1, 2], 'old')
  const vector = [3, 4]
  for (const entry of [
    { type: 'insert', id: 'b', vector, meta: 'new' },
    { type: 'upsert', id: 'a', vector, metaData: 'new' },
    { type: 'update', id: 'a', vector, values: vector },
    { type: 'delete', id: 'a', ids: ['b'] },
    { type: 'batch', entries: [], more: [] },
  ]) {
    const { code, message } = await errorOf(() => index.batch(any([entry])))
    assert.equal(code, 'WALV_INVALID_ENTRY')
    assert.match(message, /^An entry of type "\w+" has no "\w+", only: type, /)
  }
  await assert.rejects(index.update('a', any({ vector, meta: 'new' })), refusal('WALV_INVALID_ENTRY'))
  await assert.rejects(
    index.transaction((transaction) => transaction.update('a', any({ vector, meta: 'new' }))),
    refusal('WALV_INVALID_ENTRY'),
  )
  assert.deepEqual([index.size, index.get('a')!.metadata], [1, 'old'])
})

test('an update changes the id that it names, and no other', async (t) => {
  const index = await smallIndex(t)
  await index.insert('a', [1, 2], 'a')
  await index.insert('b', [1, 2], 'b')
  for (const change of [
    { id: 'b', metadata: 'changed' },
    { type: 'delete', metadata: 'changed' },
  ]) {
    await assert.rejects(index.update('a', any(change)), refusal('WALV_INVALID_ENTRY'))
    await assert.rejects(
      index.transaction((transaction) => transaction.update('a', any(change))),
      refusal('WALV_INVALID_ENTRY'),
    )
  }
  assert.deepEqual([index.get('a')?.metadata, index.get('b')?.metadata], ['a', 'b'])
})

const LONG = 'Q'.repeat(10_000)
const lone = `${LONG}\ud800`

/** Inputs of 10 000 characters, wherever one can be given. */
const LONG_INPUTS: Record<string, (index: DurableIndex, wal: Wal, path: string) => unknown> = {
  'an id that exists': async (index) => {
    await index.insert(LONG, [1, 2])
    await index.insert(LONG, [1, 2])
  },
  'an id that is not there': (index) => index.update(LONG, { metadata: 1 }),
  'an id with half a surrogate pair': (index) => index.insert(lone, [1, 2]),
  'an id that is too long': (index) => index.insert('Q'.repeat(70_000), [1, 2]),
  'an id that is an object': (index) => index.insert(any({ [LONG]: LONG }), [1, 2]),
  'an id that a transaction has': (index) =>
    index.transaction(async (transaction) => {
      transaction.insert(LONG, [1, 2])
      await index.insert(LONG, [1, 2])
    }),
  'a vector of other dimensions': (index) => index.insert(LONG, [1]),
  'a vector that is a text': (index) => index.insert(LONG, any(LONG)),
  'a vector with a text': (index) => index.insert(LONG, any([LONG, LONG])),
  'a vector with NaN': (index) => index.insert(LONG, [1, Number.NaN]),
  'metadata with a date': (index) => index.insert(LONG, [1, 2], any({ [LONG]: { [LONG]: new Date() } })),
  'metadata of a class': (index) =>
    index.insert(LONG, [1, 2], any({ a: new (Object.defineProperty(class {}, 'name', { value: LONG }))() })),
  'metadata that is too long': (index) => index.insert(LONG, [1, 2], 'Q'.repeat(17 << 20)),
  'an update of nothing': (index) => index.update(LONG, {}),
  'a batch of no entry': (index) => index.batch(any([{ [LONG]: LONG }])),
  'a batch of an unknown type': (index) => index.batch(any([{ type: LONG, id: LONG, metadata: LONG }])),
  'a batch with an unknown member': (index) => index.batch(any([{ type: 'delete', id: LONG, [LONG]: LONG }])),
  'a custom entry': (index) => index.batch(any([{ type: 'custom', kind: LONG, data: LONG }])),
  'an option': (index) => index.search([1, 2], any({ [LONG]: LONG })),
  'options that are none': (index) => index.search([1, 2], any(LONG)),
  k: (index) => index.search([1, 2], { k: any(LONG) }),
  'a k that is an array': (index) => index.search([1, 2], { k: any([LONG, LONG, LONG, LONG]) }),
  'a filter': (index) => index.search([1, 2], { filter: any(LONG) }),
  'an option of health': (index) => index.health(any({ sizeWarnBytes: LONG })),
  'an entry that is none': (_, wal) => wal.append(any(LONG)),
  'an entry of an unknown type': (_, wal) => wal.append(any({ type: LONG })),
  'a sequence number': (_, wal) => wal.read({ from: any(LONG) }),
  'a durability': (_, __, directory) => Wal.open({ directory, durability: any(LONG) }),
  'a metric': () => flat({ dimensions: 2, metric: any(LONG) }),
  dimensions: () => flat({ dimensions: any(LONG) }),
  'a policy': (_, __, path) => recoverV1(nodeDisk, path, { policy: any(LONG) }).next(),
}

for (const [name, call] of Object.entries(LONG_INPUTS)) {
  test(`no more than 200 characters of the input are in the message: ${name}`, async (t) => {
    const index = await smallIndex(t)
    const directory = await temporaryDirectory(t)
    const wal = await openWal(t, { directory })
    const { message } = await errorOf(() => call(index, wal, join(directory, 'other')))
    const repeated = message.length - message.replaceAll('Q', '').length
    assert.ok(repeated <= 200, `${repeated} characters: ${message.slice(0, 400)}`)
  })
}

test('no more than 200 characters of what a schema says are in the message', async (t) => {
  const issues = Array.from({ length: 9 }, () => ({ message: `received ${LONG}`, path: [LONG] }))
  const metadataSchema = {
    '~standard': { version: 1, vendor: 'test', validate: () => ({ issues }) },
  } as const
  const index = await openIndex(t, {
    directory: await temporaryDirectory(t),
    index: flat({ dimensions: 2 }),
    metadataSchema,
  })
  const { message, detail } = await errorOf(() => index.insert(LONG, [1, 2]))
  assert.ok(message.length - message.replaceAll('Q', '').length <= 200, message.slice(0, 400))
  assert.equal((detail as unknown[]).length, 9)
})
