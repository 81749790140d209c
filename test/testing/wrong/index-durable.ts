import { setImmediate } from 'node:timers/promises'
import type { Neighbour } from '../../../src/mod.ts'
import { type Accept, DIMENSIONS, Flat, type WrongIndex } from './flat-index.ts'

/** What is wrong with an index behind a `DurableIndex`. */
export const WRONG_DURABLE: Record<string, WrongIndex> = {
  'loads nothing': {
    caughtBy: 'a DurableIndex over it comes back from a snapshot and what was logged since',
    type: class extends Flat {
      override async load(): Promise<void> {}
    },
  },
  'fails if it changes while it searches with a filter': {
    caughtBy: 'a DurableIndex over it is searched with a filter while it changes',
    type: class extends Flat {
      override async search(query: Float32Array, k: number, accept?: Accept): Promise<Neighbour[]> {
        const before = this.size
        while (accept && this.size === before && this.size > 30) await setImmediate()
        if (this.size !== before) throw new Error('changed while it was searched')
        return this.found(query, k, accept)
      }
    },
  },
  'finds too few where one is left out': {
    caughtBy: 'a DurableIndex over it is searched by id and by many queries, and loses what a filter takes',
    type: class extends Flat {
      override async search(query: Float32Array, k: number, accept?: Accept): Promise<Neighbour[]> {
        return this.found(query, k).filter(({ label }) => !accept || accept(label))
      }
    },
  },
  'takes nothing': {
    caughtBy: 'a DurableIndex over it is found again as it was left',
    type: class extends Flat {
      override set(): void {}
      override get(): Float32Array {
        return new Float32Array(DIMENSIONS)
      }
    },
  },
  'claims other dimensions': {
    caughtBy: 'vectors of other dimensions are refused, and change nothing',
    type: class extends Flat {
      #asked = 0
      override get dimensions(): number {
        return DIMENSIONS + (this.#asked++ > 2 ? 1 : 0)
      }
    },
  },
  'claims to accept what it rounds': {
    caughtBy: 'vectors with NaN or infinities are kept bit for bit, or refused, as the index says',
    type: class extends Flat {
      override get acceptsNonFinite(): boolean {
        return true
      }
      override set(label: number, vector: Float32Array): void {
        super.set(
          label,
          vector.map((element) => (Number.isFinite(element) ? element : 0)),
        )
      }
    },
  },
}
