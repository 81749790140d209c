/**
 * What indexes are made of that break their contract on purpose: an index that keeps it, with
 * something changed.
 */
import {
  type FrozenIndex,
  flat,
  type Neighbour,
  type SnapshotReader,
  type VectorIndex,
} from '../../../src/mod.ts'

export const DIMENSIONS = 6

export type Accept = (label: number) => boolean

/** An index that does what a flat one does. */
export class Flat implements VectorIndex {
  readonly inner: VectorIndex = flat({ dimensions: DIMENSIONS, metric: 'l2' })
  get kind(): string {
    return this.inner.kind
  }
  get dimensions(): number {
    return this.inner.dimensions
  }
  get metric(): VectorIndex['metric'] {
    return this.inner.metric
  }
  get acceptsNonFinite(): boolean {
    return this.inner.acceptsNonFinite
  }
  get size(): number {
    return this.inner.size
  }
  set(label: number, vector: Float32Array): void {
    this.inner.set(label, vector)
  }
  remove(label: number): void {
    this.inner.remove(label)
  }
  get(label: number): Float32Array {
    return this.inner.get(label)
  }
  search(query: Float32Array, k: number, accept?: Accept): Neighbour[] | Promise<Neighbour[]> {
    return this.inner.search(query, k, accept)
  }
  freeze(): FrozenIndex {
    return this.inner.freeze()
  }
  load(files: SnapshotReader): Promise<void> {
    return this.inner.load(files)
  }
  found(query: Float32Array, k: number, accept?: Accept): Neighbour[] {
    return this.inner.search(query, k, accept) as Neighbour[]
  }
}

/** An index that breaks its contract, and the case that must notice. */
export interface WrongIndex {
  readonly type: new () => VectorIndex
  readonly caughtBy: string
}
