/** Indexes that save something else than they were given, and directories that they wrote. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { type DurableIndex, type DurableIndexOptions, flat, type VectorIndex } from '../../src/mod.ts'
import { openIndex, temporaryDirectory } from './logs.ts'

type Overrides = Partial<VectorIndex>

/** The flat index, but for what is overridden. */
export function altered(overrides: (index: VectorIndex) => Overrides): VectorIndex {
  const index = flat({ dimensions: 2 })
  const own = overrides(index)
  return new Proxy(index, {
    get(target, name) {
      const value: unknown = Reflect.get(name in own ? own : target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** Keeps other vectors than it is given, and saves those. */
export const liar = (): VectorIndex =>
  altered((index) => ({
    set: (label, vector) =>
      index.set(
        label,
        vector.map((element) => element + 1),
      ),
  }))

/** Writes files that no index can load. */
export const spoiler = (): VectorIndex =>
  altered((index) => ({
    freeze: () => {
      const frozen = index.freeze()
      const half = async (
        pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
      ): Promise<Uint8Array[]> => {
        const all: Uint8Array[] = []
        for await (const piece of pieces) all.push(new Uint8Array(piece))
        return all.slice(0, 1)
      }
      const save: typeof frozen.save = (files) =>
        frozen.save({ ...files, write: async (name, pieces) => files.write(name, await half(pieces)) })
      return { ...frozen, save }
    },
  }))

export const open = (
  t: TestContext,
  directory: string,
  options: Partial<DurableIndexOptions> = {},
): Promise<DurableIndex> => openIndex(t, { directory, index: flat({ dimensions: 2 }), ...options })

/**
 * A directory with a good snapshot of `a` if asked for, then one of `a` and `b` by an index that
 * lies, then `c`.
 */
export async function lied(
  t: TestContext,
  make = liar,
  options: Partial<DurableIndexOptions> = {},
): Promise<string> {
  const directory = await temporaryDirectory(t)
  const honest = await open(t, directory, options)
  await honest.insert('a', [1, 2], { from: 'honest' })
  await honest.checkpoint()
  await honest.close()
  const lying = await open(t, directory, { index: make(), ...options })
  await lying.insert('b', [3, 4])
  await lying.checkpoint()
  await lying.insert('c', [5, 6])
  await lying.close()
  return directory
}

const VECTORS = [
  [1, 2],
  [3, 4],
  [5, 6],
].map((vector) => Float32Array.from(vector))

export function assertWhole(index: DurableIndex): void {
  assert.deepEqual(
    ['a', 'b', 'c'].map((id) => index.get(id)?.vector),
    VECTORS,
  )
  assert.deepEqual(index.get('a')?.metadata, { from: 'honest' })
}
