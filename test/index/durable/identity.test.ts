/**
 * What a log says of its vectors, checked at every opening: dimensions, metric, element type,
 * model. Never the engine.
 */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import {
  type DurableIndex,
  type DurableIndexOptions,
  flat,
  insert,
  names,
  openIndex,
  openWal,
  refusal,
  segmentsIn,
  temporaryDirectory,
  type VectorIndex,
} from '../../support/kit.ts'

const open = (
  t: TestContext,
  directory: string,
  options: Partial<DurableIndexOptions> = {},
): Promise<DurableIndex> =>
  openIndex(t, { directory, index: flat({ dimensions: 2, metric: 'l2' }), ...options })

const refusedNaming = (...words: string[]) => {
  return (error: Error): boolean => {
    refusal('WALV_INDEX_MISMATCH')(error)
    for (const word of words) assert.ok(error.message.includes(word), `${word} in: ${error.message}`)
    return true
  }
}

const OTHERS: Record<string, [Partial<DurableIndexOptions>, string, string]> = {
  dimensions: [{ index: flat({ dimensions: 3, metric: 'l2' }) }, '2', '3'],
  metric: [{ index: flat({ dimensions: 2, metric: 'cosine' }) }, 'l2', 'cosine'],
  model: [{ model: 'other-embed' }, 'first-embed', 'other-embed'],
}

for (const [what, [options, found, own]] of Object.entries(OTHERS)) {
  test(`another ${what} is refused before there is any snapshot, with both names, and nothing is changed`, async (t) => {
    const directory = await temporaryDirectory(t)
    const index = await open(t, directory, what === 'model' ? { model: 'first-embed' } : {})
    await index.insert('a', [1, 2])
    await index.close()
    const before = await readdir(directory)
    for (const readOnly of [false, true])
      await assert.rejects(open(t, directory, { ...options, readOnly }), refusedNaming(found, own))
    assert.deepEqual(await readdir(directory), before)
    const again = await open(t, directory)
    assert.equal(again.size, 1)
  })
}

test('a log that a bare Wal began takes the identity of the first opening for writing; reading takes what is given', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await wal.append(insert('a', [1, 2]))
  await wal.close()
  for (const metric of ['ip', 'cosine'] as const) {
    const reader = await open(t, directory, { index: flat({ dimensions: 2, metric }), readOnly: true })
    assert.equal(reader.size, 1)
  }
  await assert.rejects(open(t, directory, { index: flat({ dimensions: 3 }) }), refusal('WALV_INDEX_MISMATCH'))
  await (await open(t, directory)).close()
  await assert.rejects(
    open(t, directory, { index: flat({ dimensions: 2, metric: 'ip' }), readOnly: true }),
    refusedNaming('l2', 'ip'),
  )
})

test('it survives that the first record is let go of', async (t) => {
  const directory = await temporaryDirectory(t)
  const small = { checkpointRetention: 1, segmentMaxBytes: 64 * 1024, model: 'm' }
  const index = await open(t, directory, small)
  for (const id of names('doc', 20)) await index.insert(id, [1, 2], 'x'.repeat(16 * 1024))
  await index.checkpoint()
  await index.insert('last', [1, 2])
  await index.close()
  const wal = await openWal(t, { directory, readOnly: true })
  assert.ok(wal.stats().firstSeq > 0)
  assert.equal(wal.recovery.index?.model, 'm')
  await assert.rejects(open(t, directory, { model: 'n' }), refusedNaming('"m"', '"n"'))
  const again = await open(t, directory)
  assert.deepEqual([again.model, again.size], ['m', 21])
})

test('a model is a name of 1 to 200 characters', async (t) => {
  const directory = await temporaryDirectory(t)
  for (const model of ['', 'x'.repeat(201), 3 as never, '\ud800'])
    await assert.rejects(open(t, directory, { model }), refusal('WALV_INVALID_OPTION'))
  assert.deepEqual(await readdir(directory), [])
})

/** Of another kind, as an engine would be. */
function ofKind(kind: string): VectorIndex {
  return Object.defineProperty(flat({ dimensions: 2, metric: 'l2' }), 'kind', { value: kind })
}

test('an index of another kind takes over what the one before saved, and the other way round', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await open(t, directory)
  await index.insert('a', [1, 2], { n: 1 })
  await index.insert('b', [3, 4])
  await index.delete('a')
  await index.insert('c', [5, 6])
  await index.checkpoint()
  await index.insert('d', [7, 8])
  const fingerprint = index.fingerprint()
  await index.close()
  const other = await open(t, directory, { index: ofKind('other') })
  assert.deepEqual([other.fingerprint(), other.recovery.fromSnapshot], [fingerprint, 2])
  await other.upsert('b', [0, 0])
  await other.checkpoint()
  const expected = other.fingerprint()
  await other.close()
  const back = await open(t, directory)
  assert.deepEqual([back.fingerprint(), back.recovery.fromSnapshot, back.recovery.damage], [expected, 3, []])
})

test('a snapshot whose vectors only its own index can read is refused to others by name, and left where it is', async (t) => {
  const directory = await temporaryDirectory(t)
  const own = ofKind('own')
  const saving = Object.defineProperty(own, 'freeze', {
    value: () => ({
      save: async (files: { write(name: string, pieces: Uint8Array[]): Promise<void> }) =>
        files.write('own.bin', []),
      release: () => {},
    }),
  })
  const index = await open(t, directory, { index: saving })
  await index.insert('a', [1, 2])
  await index.checkpoint()
  await index.close()
  await assert.rejects(open(t, directory), refusedNaming('own', 'flat'))
  assert.ok(!(await readdir(directory)).includes('quarantine'))
})

test('the record stands in the file as the format has it', async (t) => {
  const directory = await temporaryDirectory(t)
  await (await open(t, directory, { model: 'é' })).close()
  const [segment] = await segmentsIn(directory)
  const frame = (await readFile(segment!)).subarray(1024)
  const data = Buffer.from('{"dimensions":2,"metric":"l2","elementType":"f32","model":"é"}')
  assert.deepEqual([frame.readUInt8(30), frame.readBigUInt64LE(8)], [10, 0n])
  assert.deepEqual([frame.readUInt32LE(40), frame.readUInt16LE(44)], [data.length, 'walv.index'.length])
  assert.deepEqual(
    frame.subarray(48, 48 + 10 + data.length),
    Buffer.concat([Buffer.from('walv.index'), data]),
  )
})
