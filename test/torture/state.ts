/** What an index must hold: a map, and its fingerprint as the format's specification defines it. */
import assert from 'node:assert/strict'
import { createXXHash128 } from 'hash-wasm'
import type { DurableIndex } from '../../src/mod.ts'
import type { Change } from './stream.ts'

const xxhash = await createXXHash128()

type Put = NonNullable<Change['put']>

interface Item {
  readonly put: Put
  readonly hash: bigint
}

export class State {
  #items = new Map<string, Item>()
  #sum = 0n

  copy(): State {
    const state = new State()
    state.#items = new Map(this.#items)
    state.#sum = this.#sum
    return state
  }

  get fingerprint(): string {
    return BigInt.asUintN(128, this.#sum).toString(16).padStart(32, '0')
  }

  apply(changes: readonly Change[]): void {
    for (const { id, put } of changes) {
      this.#sum -= this.#items.get(id)?.hash ?? 0n
      this.#items.delete(id)
      if (put === undefined) continue
      const hash = itemHash(id, put)
      this.#items.set(id, { put, hash })
      this.#sum += hash
    }
  }

  /** Checks that an index holds exactly this. */
  check(index: DurableIndex): void {
    assert.equal(index.size, this.#items.size, 'how many ids the index has')
    for (const [id, { put }] of this.#items) {
      const found = index.get(id)
      assert.deepEqual(found?.metadata, put.metadata, `the metadata of ${id}`)
      assert.deepEqual(found?.vector, put.vector, `the vector of ${id}`)
    }
    assert.equal(index.fingerprint(), this.fingerprint, 'the fingerprint')
  }
}

function itemHash(id: string, { vector, metadata }: Put): bigint {
  const texts = [Buffer.from(id), Buffer.from(JSON.stringify(metadata))] as const
  const lengths = Uint32Array.of(texts[0].length, vector.length, texts[1].length)
  const parts = [lengths, vector, ...texts].map(
    (part) => new Uint8Array(part.buffer, part.byteOffset, part.byteLength),
  )
  const bytes = parts.reduce((sum, part) => sum + part.length, 0)
  xxhash.init()
  for (const part of parts) xxhash.update(part)
  return BigInt(`0x${xxhash.update(new Uint8Array(Math.max(0, 256 - bytes))).digest()}`)
}
