import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Neighbour, VectorIndex } from '../../index/vector-index.ts'
import { Random } from '../random.ts'
import { type Score, type Search, score } from './nearest.ts'
import { SnapshotFolder } from './snapshot-folder.ts'

/** What one case is about: indexes of one implementation, all made alike. */
export class IndexSubject {
  readonly #make: () => VectorIndex | Promise<VectorIndex>
  readonly minRecall: number
  #leftovers: (() => Promise<void>)[] = []

  constructor(make: () => VectorIndex | Promise<VectorIndex>, minRecall: number) {
    this.#make = make
    this.minRecall = minRecall
  }

  /** An empty index. */
  async make(): Promise<VectorIndex> {
    const index = await this.#make()
    this.#leftovers.push(async () => index.close?.())
    return index
  }

  /** An empty index with an empty oracle beside it. */
  async makePair(): Promise<Pair> {
    return new Pair(await this.make(), this.minRecall)
  }

  async folder(): Promise<SnapshotFolder> {
    const folder = await SnapshotFolder.make()
    this.#leftovers.push(() => folder.remove())
    return folder
  }

  /** An empty directory. */
  async directory(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'walv-index-'))
    this.#leftovers.push(() => rm(directory, { recursive: true, force: true }))
    return directory
  }

  async release(): Promise<void> {
    for (const remove of this.#leftovers) await remove()
  }
}

/** An index and a `Map` that is changed alike. */
export class Pair {
  readonly index: VectorIndex
  readonly contents: Map<number, Float32Array> = new Map()
  readonly #minRecall: number

  constructor(index: VectorIndex, minRecall: number) {
    this.index = index
    this.#minRecall = minRecall
  }

  set(label: number, vector: Float32Array): void {
    this.index.set(label, vector)
    this.contents.set(label, vector.slice())
  }

  remove(label: number): void {
    this.index.remove(label)
    this.contents.delete(label)
  }

  search(search: Omit<Search, 'metric'>): Promise<readonly Neighbour[]> {
    return answerOf(this.index, search)
  }

  /** Fails unless size, vectors and searches are as they should be. */
  async check(...queries: readonly Float32Array[]): Promise<void> {
    const { index, contents } = this
    assert.equal(index.size, contents.size, `its size is ${index.size}; ${contents.size} labels are in it`)
    for (const [label, vector] of contents) {
      assert.deepEqual(
        bitsOf(index.get(label)),
        bitsOf(vector),
        `the vector of label ${label} is another one`,
      )
    }
    await this.checkSearches(queries.map((query) => ({ query, k: 10 })))
  }

  /** Fails if the searches together find less than they have to. */
  async checkSearches(searches: readonly Omit<Search, 'metric'>[]): Promise<void> {
    const scores: Score[] = []
    for (const search of searches) {
      scores.push(score(await this.search(search), this.contents, { metric: this.index.metric, ...search }))
    }
    const found = scores.reduce((sum, each) => sum + each.found, 0)
    const wanted = scores.reduce((sum, each) => sum + each.wanted, 0)
    assert.ok(found >= wanted * this.#minRecall, `${found} of the ${wanted} nearest were found`)
  }
}

export async function answerOf(
  index: VectorIndex,
  { query, k, accept }: Omit<Search, 'metric'>,
): Promise<readonly Neighbour[]> {
  return index.search(query, k, accept)
}

/** Vectors with elements between −1 and 1, none of them all zeros, the same for the same seed. */
export function vectorsFor(index: VectorIndex, count: number, seed: number = 1): Float32Array[] {
  const random = new Random(seed)
  const element = (): number => (random.next() + 0.5) / 2 ** 31 - 1
  return Array.from({ length: count }, () => Float32Array.from({ length: index.dimensions }, element))
}

export const bitsOf = (vector: Float32Array): Uint32Array => new Uint32Array(vector.slice().buffer)
