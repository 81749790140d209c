import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { SnapshotReader, VectorIndex } from '../../index/vector-index.ts'
import type { Checks } from './case.ts'
import { answerOf, type IndexSubject, type Pair, vectorsFor } from './index-subject.ts'
import type { SnapshotFolder } from './snapshot-folder.ts'

const queriesFor = (index: VectorIndex): Float32Array[] => vectorsFor(index, 20, 2)

async function filled(subject: IndexSubject, count: number): Promise<Pair> {
  const pair = await subject.makePair()
  for (const [place, vector] of vectorsFor(pair.index, count).entries()) pair.set(place * 3, vector)
  return pair
}

async function save(subject: IndexSubject, index: VectorIndex): Promise<SnapshotFolder> {
  const folder = await subject.folder()
  const frozen = index.freeze()
  await frozen.save(folder)
  frozen.release()
  return folder
}

/** A new index that has loaded a snapshot, with what it should hold. */
async function loaded(
  subject: IndexSubject,
  files: SnapshotReader,
  contents: Pair['contents'],
): Promise<Pair> {
  const pair = await subject.makePair()
  await pair.index.load(files)
  for (const [label, vector] of contents) pair.contents.set(label, vector)
  return pair
}

/** Removes, replaces and adds vectors. */
function change(pair: Pair, seed: number): void {
  const vectors = vectorsFor(pair.index, 30, seed)
  for (const label of [...pair.contents.keys()].slice(0, 20)) pair.remove(label)
  for (const [at, label] of [...pair.contents.keys()].slice(0, 10).entries()) pair.set(label, vectors[at]!)
  for (const [at, vector] of vectors.slice(10).entries()) pair.set(100_000 * seed + at, vector)
}

/** Snapshots of an index. */
export const indexSnapshots: Checks<IndexSubject> = {
  async 'a snapshot brings back every label with its vector, bit for bit, and the same answers'(subject) {
    const pair = await filled(subject, 700)
    change(pair, 3)
    const other = await loaded(subject, await save(subject, pair.index), pair.contents)
    const queries = queriesFor(pair.index)
    await other.check(...queries)
    if (subject.minRecall < 1) return
    for (const query of queries) {
      assert.deepEqual(
        (await answerOf(other.index, { query, k: 20 })).map(({ label }) => label),
        (await answerOf(pair.index, { query, k: 20 })).map(({ label }) => label),
      )
    }
  },

  async 'the snapshot of an empty index is an empty index'(subject) {
    const pair = await subject.makePair()
    const other = await loaded(subject, await save(subject, pair.index), new Map())
    await other.check(...queriesFor(pair.index))
    change(other, 3)
    await other.check(...queriesFor(pair.index))
  },

  async 'a snapshot is of the moment of the freeze, whatever changes before and while it is saved'(subject) {
    const pair = await filled(subject, 200)
    const then = new Map(pair.contents)
    const frozen = pair.index.freeze()
    change(pair, 3)
    const folder = await subject.folder()
    let seed = 4
    folder.betweenPieces = () => change(pair, seed++)
    await frozen.save(folder)
    frozen.release()
    const queries = queriesFor(pair.index)
    await (await loaded(subject, folder, then)).check(...queries)
    await pair.check(...queries)
  },

  async 'freezing is synchronous, and a frozen state that is let go leaves no trace'(subject) {
    const pair = await filled(subject, 100)
    for (let round = 3; round < 6; round++) {
      const frozen = pair.index.freeze()
      assert.equal(typeof frozen.save, 'function', 'freeze gives something to be saved, at once')
      change(pair, round)
      assert.equal(frozen.release(), undefined, 'release is synchronous too')
      await pair.check(...queriesFor(pair.index))
    }
  },

  async 'a save that fails is told, and leaves the index as it was'(subject) {
    const pair = await filled(subject, 100)
    const refuse = new Error('the disk is full')
    const missing = join((await subject.folder()).directory, 'missing')
    const frozen = pair.index.freeze()
    const nowhere = { write: () => Promise.reject(refuse), path: (name: string) => join(missing, name) }
    await assert.rejects(async () => frozen.save(nowhere), 'it resolved, though nothing could be written')
    frozen.release()
    const queries = queriesFor(pair.index)
    await pair.check(...queries)
    await (await loaded(subject, await save(subject, pair.index), pair.contents)).check(...queries)
  },

  async 'an index that was loaded goes on like any other'(subject) {
    let pair = await filled(subject, 100)
    for (let round = 3; round < 6; round++) {
      pair = await loaded(subject, await save(subject, pair.index), pair.contents)
      change(pair, round)
      await pair.check(...queriesFor(pair.index))
    }
  },

  async 'a snapshot that lacks a file, or a part of one, is refused'(subject) {
    const pair = await filled(subject, 100)
    const names = await (await save(subject, pair.index)).files()
    assert.ok(names.length > 0, 'the snapshot has no files')
    for (const name of names) {
      for (const [what, spoil] of SPOILERS) {
        const folder = await save(subject, pair.index)
        await folder.spoil(name, spoil)
        const index = await subject.make()
        await assert.rejects(async () => index.load(folder), `${name} was loaded ${what}`)
      }
    }
  },
}

const SPOILERS: readonly [what: string, (content: Buffer) => Buffer | undefined][] = [
  ['though it is missing', () => undefined],
  ['though it is empty', () => Buffer.alloc(0)],
  ['though half of it is missing', (content) => content.subarray(0, content.length / 2)],
]
