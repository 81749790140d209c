/** Whatever is wrong with a call: a code, a sentence with what to do, and nothing logged. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  DurableIndex,
  type EntryInput,
  FailingDisk,
  flat,
  insert,
  type JsonValue,
  MAX_DIMENSIONS,
  MAX_ID_BYTES,
  MAX_METADATA_BYTES,
  openIndex,
  temporaryDirectory,
  type VectorInput,
  type WalError,
  type WalErrorCode,
} from '../../support/kit.ts'

const V: VectorInput = [1, 2]
const any = (value: unknown): never => value as never

type Call = (index: DurableIndex) => unknown

const cyclic: { [key: string]: JsonValue } = {}
cyclic.self = cyclic

function nested(depth: number): EntryInput {
  let entry: EntryInput = insert('inside', [1, 2])
  for (let level = 0; level < depth; level++) entry = { type: 'batch', entries: [entry] }
  return entry
}

const CALLS: Record<string, readonly [WalErrorCode, Call]> = {
  'an empty id': ['WALV_INVALID_ID', (index) => index.insert('', V)],
  'an id that is a number': ['WALV_INVALID_ID', (index) => index.insert(any(7), V)],
  'an id that is undefined': ['WALV_INVALID_ID', (index) => index.upsert(any(undefined), V)],
  'an id with half a surrogate pair': ['WALV_INVALID_ID', (index) => index.insert('a\ud800', V)],
  'an id that is too long': ['WALV_LIMIT', (index) => index.insert('x'.repeat(MAX_ID_BYTES + 1), V)],
  'an id that is too long in UTF-8': [
    'WALV_LIMIT',
    (index) => index.insert('é'.repeat(MAX_ID_BYTES / 2 + 1), V),
  ],
  'a delete of no id': ['WALV_INVALID_ID', (index) => index.delete(any(null))],
  'an update of an empty id': ['WALV_INVALID_ID', (index) => index.update('', { metadata: 1 })],
  'too few dimensions': ['WALV_INVALID_VECTOR', (index) => index.insert('a', [1])],
  'too many dimensions': ['WALV_INVALID_VECTOR', (index) => index.insert('a', new Float32Array(3))],
  'more dimensions than the limit': [
    'WALV_LIMIT',
    (index) => index.insert('a', new Float32Array(MAX_DIMENSIONS + 1)),
  ],
  'a vector with NaN': ['WALV_INVALID_VECTOR', (index) => index.insert('a', [1, Number.NaN])],
  'a vector with an infinity': [
    'WALV_INVALID_VECTOR',
    (index) => index.upsert('a', [Number.NEGATIVE_INFINITY, 0]),
  ],
  'a vector with a number beyond float32': ['WALV_INVALID_VECTOR', (index) => index.insert('a', [1e300, 0])],
  'a vector with a string': ['WALV_INVALID_VECTOR', (index) => index.insert('a', any([1, '2']))],
  'a vector with a hole': ['WALV_INVALID_VECTOR', (index) => index.insert('a', any(new Array(2)))],
  'a vector that is none': ['WALV_INVALID_VECTOR', (index) => index.insert('a', any('12'))],
  'a vector that is missing': ['WALV_INVALID_VECTOR', (index) => index.insert('a', any(undefined))],
  'a vector of doubles': ['WALV_INVALID_VECTOR', (index) => index.insert('a', any(new Float64Array(2)))],
  'an update to a wrong vector': ['WALV_INVALID_VECTOR', (index) => index.update('there', { vector: [1] })],
  'an update without a change': ['WALV_INVALID_ENTRY', (index) => index.update('there', {})],
  'an update without anything': ['WALV_INVALID_ENTRY', (index) => index.update('there', any(undefined))],
  'metadata with a function': ['WALV_INVALID_METADATA', (index) => index.insert('a', V, any({ f() {} }))],
  'metadata with a date': ['WALV_INVALID_METADATA', (index) => index.insert('a', V, any(new Date()))],
  'metadata with a bigint': ['WALV_INVALID_METADATA', (index) => index.insert('a', V, any({ n: 1n }))],
  'metadata with NaN': ['WALV_INVALID_METADATA', (index) => index.insert('a', V, [Number.NaN])],
  'metadata with an undefined element': [
    'WALV_INVALID_METADATA',
    (index) => index.insert('a', V, any([undefined])),
  ],
  'metadata with half a surrogate pair': ['WALV_INVALID_METADATA', (index) => index.insert('a', V, '\udc00')],
  'metadata with a key of half a pair': [
    'WALV_INVALID_METADATA',
    (index) => index.insert('a', V, { '\ud800': 1 }),
  ],
  'metadata with a cycle': ['WALV_LIMIT', (index) => index.insert('a', V, cyclic)],
  'metadata that is too long': [
    'WALV_LIMIT',
    (index) => index.insert('a', V, 'x'.repeat(MAX_METADATA_BYTES)),
  ],
  'metadata of an update that is wrong': [
    'WALV_INVALID_METADATA',
    (index) => index.update('there', { metadata: any(1n) }),
  ],
  'an id that is there': ['WALV_DUPLICATE_ID', (index) => index.insert('there', V)],
  'an id that is not there': ['WALV_NOT_FOUND', (index) => index.update('none', { metadata: 1 })],
  'one id twice in a batch': [
    'WALV_DUPLICATE_ID',
    (index) => index.batch([insert('a', [1, 2]), insert('a', [1, 2])]),
  ],
  'a batch that is no array': ['WALV_INVALID_ENTRY', (index) => index.batch(any('entries'))],
  'a batch with nothing in a place': ['WALV_INVALID_ENTRY', (index) => index.batch(any([null]))],
  'a batch with an entry of no type': ['WALV_INVALID_ENTRY', (index) => index.batch(any([{ id: 'a' }]))],
  'a batch with a marker': [
    'WALV_INVALID_ENTRY',
    (index) => index.batch(any([{ type: 'commitTransaction' }])),
  ],
  'a batch with a checkpoint': [
    'WALV_INVALID_ENTRY',
    (index) => index.batch(any([{ type: 'checkpoint', sequenceNumber: 0, replayFrom: 0, snapshot: null }])),
  ],
  'a batch with one wrong entry': [
    'WALV_INVALID_VECTOR',
    (index) => index.batch([insert('a', [1, 2]), insert('b', [1])]),
  ],
  'a batch that is nested too deep': ['WALV_LIMIT', (index) => index.batch([nested(40)])],
  'a batch that is nested 40 000 deep': ['WALV_LIMIT', (index) => index.batch([nested(40_000)])],
  'a batch with a custom entry of a long kind': [
    'WALV_LIMIT',
    (index) => index.batch([{ type: 'custom', kind: 'x'.repeat(256), data: new Uint8Array() }]),
  ],
  'a batch with a custom entry of no bytes': [
    'WALV_INVALID_ENTRY',
    (index) => index.batch([{ type: 'custom', kind: 'k', data: any('bytes') }]),
  ],
  'a query of wrong dimensions': ['WALV_INVALID_VECTOR', (index) => index.search([1])],
  'a query with NaN': ['WALV_INVALID_VECTOR', (index) => index.search([1, Number.NaN])],
  'a query that is none': ['WALV_INVALID_VECTOR', (index) => index.search(any(undefined))],
  'a k of nothing': ['WALV_INVALID_OPTION', (index) => index.search(V, { k: 0 })],
  'a k that is no number': ['WALV_INVALID_OPTION', (index) => index.search(V, { k: any('10') })],
  'a filter that is none': ['WALV_INVALID_OPTION', (index) => index.search(V, { filter: any(5) })],
}

/** Fails unless the error is one of ours, with this code, and a sentence. */
function isRefusal(error: unknown, code: WalErrorCode): true {
  const { name, code: found, message } = error as WalError
  assert.deepEqual([name, found], ['WalError', code], `${(error as Error).stack}`)
  assert.ok(message.split(' ').length > 4, `a sentence: ${message}`)
  return true
}

for (const [about, [code, call]] of Object.entries(CALLS)) {
  test(`${about}: ${code}, and nothing is logged or changed`, async (t) => {
    const index = await openIndex(t, {
      directory: await temporaryDirectory(t),
      index: flat({ dimensions: 2 }),
    })
    await index.insert('there', V, 'old')
    const before = [index.fingerprint(), index.stats().lastSeq]
    await assert.rejects(
      async () => call(index),
      (error) => isRefusal(error, code),
    )
    assert.deepEqual([index.fingerprint(), index.stats().lastSeq], before)
    // The call has left nothing behind that could stand in the way of another.
    await index.upsert('a', V)
    await index.update('there', { metadata: 'new' })
    assert.equal(index.stats().lastSeq, (before[1] as number) + 2)
  })
}

test('with allowNonFinite an index takes what it allows, and nothing else', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await openIndex(t, { directory, index: flat({ dimensions: 2, allowNonFinite: true }) })
  await index.insert('a', [Number.NaN, Number.POSITIVE_INFINITY])
  await assert.rejects(index.insert('b', [1]), (error) => isRefusal(error, 'WALV_INVALID_VECTOR'))
  assert.deepEqual(index.get('a')!.vector, Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY))
})

const OPTIONS: Record<string, object> = {
  'no directory': { directory: undefined },
  'an empty directory name': { directory: '' },
  'a directory that is a number': { directory: 3 },
  'a directory with a zero byte': { directory: 'a\0b' },
  'no index': { index: undefined },
  'an index that is none': { index: {} },
  'an interval of 0': { checkpointIntervalEntries: 0 },
  'an interval that is a text': { checkpointIntervalEntries: 'often' },
  'an unknown option': { segmentMaxByte: 1 },
  'an unknown durability': { durability: 'sync' },
  'a durability without an interval': { durability: {} },
  'a durability of no interval': { durability: { intervalMs: 0 } },
  'an unknown policy': { recovery: 'best-effort' },
  'segments that are too small': { segmentMaxBytes: 1000 },
  'segments that are too large': { segmentMaxBytes: 2 ** 40 },
  'an age of 0': { segmentMaxAgeMs: 0 },
  'a retention of 0': { checkpointRetention: 0 },
  'half a retention': { checkpointRetention: 1.5 },
  'no pending bytes': { maxPendingBytes: 0 },
  'a text for read-only': { readOnly: 'yes' },
}

for (const [about, options] of Object.entries(OPTIONS)) {
  test(`${about}: WALV_INVALID_OPTION`, async (t) => {
    const directory = join(await temporaryDirectory(t), 'log')
    const whole = { directory, index: flat({ dimensions: 2 }), ...options }
    await assert.rejects(DurableIndex.open(whole as never), (error) =>
      isRefusal(error, 'WALV_INVALID_OPTION'),
    )
  })
}

test('an index that is not empty is refused', async (t) => {
  const index = flat({ dimensions: 2 })
  index.set(0, Float32Array.of(1, 2))
  const options = { directory: await temporaryDirectory(t), index }
  await assert.rejects(DurableIndex.open(options), (error) => isRefusal(error, 'WALV_INVALID_OPTION'))
})

test('options of the flat index out of range are refused', () => {
  for (const options of [
    {},
    { dimensions: -1 },
    { dimensions: 65_536 },
    { dimensions: 2, metric: 'hamming' },
  ]) {
    assert.throws(
      () => flat(options as never),
      (error) => isRefusal(error, 'WALV_INVALID_OPTION'),
    )
  }
})

test('a directory that is a file, or lies under one, is refused', async (t) => {
  const file = join(await temporaryDirectory(t), 'file')
  await writeFile(file, 'mine')
  for (const directory of [file, join(file, 'log'), join(file, 'deep', 'log')]) {
    const options = { directory, index: flat({ dimensions: 2 }) }
    await assert.rejects(DurableIndex.open(options), (error) => isRefusal(error, 'WALV_NOT_A_DIRECTORY'))
  }
})

test('a directory that may not be read, written or made is refused', async (t) => {
  const folder = await temporaryDirectory(t)
  for (const code of ['EACCES', 'EPERM', 'EROFS']) {
    for (const operation of ['makeDirectory', 'lock', 'list', 'open'] as const) {
      const disk = new FailingDisk()
      disk.fail({ operation, code, times: Number.POSITIVE_INFINITY })
      const options = {
        directory: join(folder, `${code}-${operation}`),
        index: flat({ dimensions: 2 }),
        disk,
      }
      await assert.rejects(
        DurableIndex.open(options),
        (error) => isRefusal(error, 'WALV_PERMISSION'),
        operation,
      )
    }
  }
})
