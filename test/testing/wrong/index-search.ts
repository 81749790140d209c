import type { Neighbour } from '../../../src/mod.ts'
import { type Accept, Flat, type WrongIndex } from './flat-index.ts'

let made = 0

/** What is wrong with what an index finds. */
export const WRONG_SEARCH: Record<string, WrongIndex> = {
  'throws when it is empty': {
    caughtBy: 'the search of an empty index finds nothing',
    type: class extends Flat {
      override search(query: Float32Array, k: number, accept?: Accept): Neighbour[] {
        if (this.size === 0) throw new Error('the index is empty')
        return this.found(query, k, accept)
      }
    },
  },
  'finds in no order': {
    caughtBy: 'a search finds the nearest, nearest first, at the distances of the metric',
    type: class extends Flat {
      override search(query: Float32Array, k: number, accept?: Accept): Neighbour[] {
        return this.found(query, k, accept).reverse()
      }
    },
  },
  'misses the nearest': {
    caughtBy: 'a search finds the nearest, nearest first, at the distances of the metric',
    type: class extends Flat {
      override search(query: Float32Array, k: number, accept?: Accept): Neighbour[] {
        const found = this.found(query, k + 1, accept)
        return found.length > k ? found.slice(1) : found
      }
    },
  },
  'tells roots of distances': {
    caughtBy: 'a search finds the nearest, nearest first, at the distances of the metric',
    type: class extends Flat {
      override search(query: Float32Array, k: number, accept?: Accept): Neighbour[] {
        return this.found(query, k, accept).map(({ label, distance }) => ({
          label,
          distance: Math.sqrt(distance),
        }))
      }
    },
  },
  'breaks ties by larger label': {
    caughtBy: 'vectors at the same distance come by smaller label',
    type: class extends Flat {
      override search(query: Float32Array, k: number, accept?: Accept): Neighbour[] {
        const all = this.found(query, Number.MAX_SAFE_INTEGER, accept)
        return all.sort((a, b) => a.distance - b.distance || b.label - a.label).slice(0, k)
      }
    },
  },
  'keeps any of those at the same distance': {
    caughtBy: 'vectors at the same distance come by smaller label',
    type: class extends Flat {
      override search(query: Float32Array, k: number, accept?: Accept): Neighbour[] {
        const all = this.found(query, Number.MAX_SAFE_INTEGER, accept)
        const kept = all.sort((a, b) => a.distance - b.distance || b.label - a.label).slice(0, k)
        return kept.sort((a, b) => a.distance - b.distance || a.label - b.label)
      }
    },
  },
  'makes room for k': {
    caughtBy: 'a search finds at most k, and all if there are fewer',
    type: class extends Flat {
      override search(query: Float32Array, k: number, accept?: Accept): Neighbour[] {
        return this.found(query, new Array(k).length, accept)
      }
    },
  },
  'finds one more than k': {
    caughtBy: 'a search finds at most k, and all if there are fewer',
    type: class extends Flat {
      override search(query: Float32Array, k: number, accept?: Accept): Neighbour[] {
        return this.found(query, Math.min(k + 1, this.size), accept)
      }
    },
  },
  'leaves out after counting': {
    caughtBy: 'accept leaves labels out before they count',
    type: class extends Flat {
      override search(query: Float32Array, k: number, accept: Accept = () => true): Neighbour[] {
        return this.found(query, k).filter(({ label }) => accept(label))
      }
    },
  },
  'accepts everything': {
    caughtBy: 'accept leaves labels out before they count',
    type: class extends Flat {
      override search(query: Float32Array, k: number): Neighbour[] {
        return this.found(query, k)
      }
    },
  },
  'asks about what was removed': {
    caughtBy: 'accept is asked about labels that are in the index, and about no others',
    type: class extends Flat {
      readonly #removed = new Set<number>()
      override remove(label: number): void {
        super.remove(label)
        this.#removed.add(label)
      }
      override search(query: Float32Array, k: number, accept?: Accept): Neighbour[] {
        for (const label of this.#removed) accept?.(label)
        return this.found(query, k, accept)
      }
    },
  },
  'normalizes the query': {
    caughtBy: 'a search changes nothing',
    type: class extends Flat {
      override search(query: Float32Array, k: number, accept?: Accept): Neighbour[] {
        const found = this.found(query, k, accept)
        const norm = Math.hypot(...query) || 1
        for (let at = 0; at < query.length; at++) query[at]! /= norm
        return found
      }
    },
  },
  'leaves out by chance': {
    caughtBy: 'the same calls give the same answers',
    type: class extends Flat {
      readonly #missed = made++
      override search(query: Float32Array, k: number, accept: Accept = () => true): Neighbour[] {
        return this.found(query, k, (label) => label % 7 !== this.#missed % 7 && accept(label))
      }
    },
  },
  'fails if it changes while it searches': {
    caughtBy: 'a search is answered also if the index changes before it is',
    type: class extends Flat {
      #changes = 0
      override set(label: number, vector: Float32Array): void {
        this.#changes++
        super.set(label, vector)
      }
      override async search(query: Float32Array, k: number, accept?: Accept): Promise<Neighbour[]> {
        const before = this.#changes
        await undefined
        if (this.#changes !== before) throw new Error('changed while it was searched')
        return this.found(query, k, accept)
      }
    },
  },
}
