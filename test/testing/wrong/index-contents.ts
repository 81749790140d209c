import { flat, type Neighbour } from '../../../src/mod.ts'
import { type Accept, DIMENSIONS, Flat, type WrongIndex } from './flat-index.ts'

let made = 0

/** What is wrong with what an index holds. */
export const WRONG_CONTENTS: Record<string, WrongIndex> = {
  'calls itself another each time': {
    caughtBy: 'every index that is made is empty, and says the same about itself',
    type: class extends Flat {
      readonly #number = made++
      override get kind(): string {
        return `flat ${this.#number}`
      }
    },
  },
  'counts every set': {
    caughtBy: 'its size is the count of its labels',
    type: class extends Flat {
      #size = 0
      override get size(): number {
        return this.#size
      }
      override set(label: number, vector: Float32Array): void {
        super.set(label, vector)
        this.#size++
      }
      override remove(label: number): void {
        super.remove(label)
        this.#size--
      }
    },
  },
  'keeps 32 bits of a label': {
    caughtBy: 'labels are safe integers, from 0 up to the largest',
    type: class extends Flat {
      override set(label: number, vector: Float32Array): void {
        super.set(label >>> 0, vector)
      }
      override remove(label: number): void {
        super.remove(label >>> 0)
      }
      override get(label: number): Float32Array {
        return super.get(label >>> 0)
      }
    },
  },
  'keeps the vector that it was given': {
    caughtBy: 'a vector is copied when it is set',
    type: class extends Flat {
      readonly #given = new Map<number, Float32Array>()
      override set(label: number, vector: Float32Array): void {
        this.#given.set(label, vector)
        super.set(label, vector)
      }
      override get(label: number): Float32Array {
        return this.#given.get(label)?.slice() ?? super.get(label)
      }
    },
  },
  'normalizes the vector that it was given': {
    caughtBy: 'a vector that is given is not changed',
    type: class extends Flat {
      override set(label: number, vector: Float32Array): void {
        super.set(label, vector)
        const norm = Math.hypot(...vector)
        for (let at = 0; at < vector.length; at++) vector[at]! /= norm
      }
    },
  },
  'rounds numbers to zero': {
    caughtBy: 'a vector comes back bit for bit',
    type: class extends Flat {
      override get(label: number): Float32Array {
        return super.get(label).map((element) => (Math.abs(element) < 1e-37 ? 0 : element))
      }
    },
  },
  'gives its own memory': {
    caughtBy: 'what get gives is a copy',
    type: class extends Flat {
      readonly #vectors = new Map<number, Float32Array>()
      override set(label: number, vector: Float32Array): void {
        this.#vectors.set(label, vector.slice())
        super.set(label, vector)
      }
      override get(label: number): Float32Array {
        return this.#vectors.get(label) ?? super.get(label)
      }
    },
  },
  'cannot find zeros': {
    caughtBy: 'a vector of zeros is kept and searched like any other',
    type: class extends Flat {
      override search(query: Float32Array, k: number, accept?: Accept): Neighbour[] {
        if (query.every((element) => element === 0)) throw new RangeError('a query of zeros has no direction')
        return this.found(query, k, accept)
      }
    },
  },
  'finds a vector where it was before': {
    caughtBy: 'a vector that is set again takes the place of the one before',
    type: class extends Flat {
      readonly #first = flat({ dimensions: DIMENSIONS, metric: 'l2' })
      readonly #known = new Set<number>()
      override set(label: number, vector: Float32Array): void {
        if (!this.#known.has(label)) this.#first.set(label, vector)
        this.#known.add(label)
        super.set(label, vector)
      }
      override remove(label: number): void {
        super.remove(label)
        this.#first.remove(label)
      }
      override search(query: Float32Array, k: number, accept?: Accept): Neighbour[] | Promise<Neighbour[]> {
        return this.#first.search(query, k, accept)
      }
    },
  },
  'does not remove': {
    caughtBy: 'a label that is removed is found no more',
    type: class extends Flat {
      #removed = 0
      override get size(): number {
        return super.size - this.#removed
      }
      override remove(): void {
        this.#removed++
      }
    },
  },
  'is full at 1500': {
    caughtBy: 'it grows, shrinks and grows again, and holds what a Map would',
    type: class extends Flat {
      override set(label: number, vector: Float32Array): void {
        if (super.size < 1500) super.set(label, vector)
      }
    },
  },
}
