/** What every adapter is tested with. */
import { createRequire } from 'node:module'
import type { TestContext } from 'node:test'
import { hnswlib } from '../../src/adapters/hnswlib.ts'
import { usearch } from '../../src/adapters/usearch.ts'
import { flat, type Metric, type SnapshotReader, type VectorIndex } from '../../src/mod.ts'
import { Random } from '../../src/testing/mod.ts'
import { MemorySnapshot } from '../index/memory-snapshot.ts'

export interface Shape {
  readonly dimensions: number
  readonly metric?: Metric
}

export interface Engine {
  readonly make: (shape: Shape) => VectorIndex
  /** With its graph in this thread, where what it calls can be seen. */
  readonly makeHere: (shape: Shape) => VectorIndex
  /** The same with another option that a saved graph depends on. */
  readonly makeOther: (shape: Shape) => VectorIndex
  readonly package: string
  /** The engine's own class, and its methods that open a file. */
  readonly className: string
  readonly load: string
  readonly save: string
}

const require = createRequire(import.meta.url)

type Native = new (...args: unknown[]) => Record<string, (...args: unknown[]) => unknown>

/** By the kind of index in snapshots. */
export const ENGINES: Readonly<Record<string, Engine>> = {
  usearch: {
    make: usearch,
    makeHere: (shape) => usearch({ ...shape, threads: 0 }),
    makeOther: (shape) => usearch({ ...shape, quantization: 'f16', threads: 0 }),
    package: 'usearch',
    className: 'Index',
    load: 'load',
    save: 'save',
  },
  hnswlib: {
    make: hnswlib,
    makeHere: (shape) => hnswlib({ ...shape, threads: 0 }),
    makeOther: (shape) => hnswlib({ ...shape, m: 8, threads: 0 }),
    package: 'hnswlib-node',
    className: 'HierarchicalNSW',
    load: 'readIndexSync',
    save: 'writeIndexSync',
  },
}

/** As they come from npm. */
const PACKAGES: Readonly<Record<string, Record<string, Native>>> = Object.fromEntries(
  Object.values(ENGINES).map(({ package: name }) => [name, require(name)]),
)

/**
 * Counts the calls of a native method, of indexes that are made from now on until the test ends.
 */
export function countCalls(t: TestContext, engine: Engine, method: string): { calls: number } {
  const counter = { calls: 0 }
  const before: Record<string, Native> = require(engine.package)
  const Before = before[engine.className]!
  const loadedPackage = require.cache[require.resolve(engine.package)]!
  class Counting extends Before {}
  Object.defineProperty(Counting.prototype, method, {
    value(this: object, ...args: unknown[]) {
      counter.calls++
      return Reflect.apply(Before.prototype[method], this, args)
    },
  })
  loadedPackage.exports = { ...before, [engine.className]: Counting }
  t.after(() => {
    loadedPackage.exports = PACKAGES[engine.package]
  })
  return counter
}

/** Elements between −1 and 1, the same for the same seed. */
export function vectorsOf(dimensions: number, count: number, seed = 1): Float32Array[] {
  const random = new Random(seed)
  const element = (): number => random.next() / 2 ** 31 - 1
  return Array.from({ length: count }, () => Float32Array.from({ length: dimensions }, element))
}

/** An index, and the exact one that is changed alike. */
export class Twins {
  readonly index: VectorIndex
  readonly exact: VectorIndex

  constructor(
    index: VectorIndex,
    exact: VectorIndex = flat({ dimensions: index.dimensions, metric: index.metric }),
  ) {
    this.index = index
    this.exact = exact
  }

  set(label: number, vector: Float32Array): void {
    for (const each of [this.index, this.exact]) each.set(label, vector)
  }

  remove(label: number): void {
    for (const each of [this.index, this.exact]) each.remove(label)
  }

  /** The share of the 10 nearest that the index finds, at the same distances. */
  async recall(queries: readonly Float32Array[], accept?: (label: number) => boolean): Promise<number> {
    let found = 0
    let wanted = 0
    for (const query of queries) {
      const expected = new Map(
        (await this.exact.search(query, 10, accept)).map((hit) => [hit.label, hit.distance]),
      )
      const hits = await this.index.search(query, 10, accept)
      found += hits.filter(({ label, distance }) => expected.get(label) === distance).length
      wanted += expected.size
    }
    return found / wanted
  }
}

export async function saved(index: VectorIndex, betweenPieces?: () => void): Promise<MemorySnapshot> {
  const files = new MemorySnapshot(4093, betweenPieces)
  const frozen = index.freeze()
  await frozen.save(files)
  frozen.release()
  return files
}

export async function loaded(index: VectorIndex, files: SnapshotReader): Promise<VectorIndex> {
  await index.load(files)
  return index
}

/** Collects walv's warnings until the test ends. */
export function warningsOf(t: TestContext): string[] {
  const warnings: string[] = []
  const original = process.emitWarning
  process.emitWarning = (warning: string | Error) => void warnings.push(String(warning))
  t.after(() => {
    process.emitWarning = original
  })
  return warnings
}
