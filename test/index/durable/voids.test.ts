import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VOIDS_FILE, Voids } from '../../../src/index/durable/voids.ts'
import { refusal } from '../../support/kit.ts'

const FILES = [{ name: VOIDS_FILE }]

async function loaded(file: Uint8Array | undefined, lastSeq = 100): Promise<Voids> {
  const voids = new Voids()
  await voids.load(
    file ? FILES : [],
    async function* () {
      if (file) yield* [file.subarray(0, 10), file.subarray(10)]
    },
    lastSeq,
  )
  return voids
}

function voidsAt(...seqs: number[]): Voids {
  const voids = new Voids()
  for (const seq of seqs) voids.add(seq)
  return voids
}

test('a snapshot has the places without effect, and none where there are none', async () => {
  const voids = voidsAt(3, 70, 100)
  voids.knownFrom = 2
  const again = await loaded(voids.freeze())
  assert.deepEqual(
    [3, 4, 70, 100].map((seq) => again.has(seq)),
    [true, false, true, true],
  )
  assert.equal(again.knownFrom, 2)
  assert.equal(voidsAt().freeze(), undefined)
  assert.equal((await loaded(undefined)).knownFrom, 0)
})

test('in a fork the places of the log that it was made of mean nothing', async () => {
  const voids = voidsAt(3, 70)
  voids.knownFrom = 2
  const forked = await loaded(voids.freeze(), 0)
  assert.deepEqual([forked.has(3), forked.has(70), forked.knownFrom], [false, false, 1])
})

test('a file that makes no sense is refused with what is wrong with it', async () => {
  const file = Buffer.from(voidsAt(3).freeze()!)
  const altered = (at: number): Buffer => {
    const copy = Buffer.from(file)
    copy[at]!++
    return copy
  }
  for (const bytes of [file.subarray(0, 12), file.subarray(0, 31), altered(0), altered(8), altered(12)])
    await assert.rejects(loaded(bytes), refusal('WALV_INDEX_MISMATCH'))
})
