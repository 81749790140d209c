import type { StoredVector } from '../../src/mod.ts'

/** What is stored under an id, whatever change it is of. */
export function withoutSeq<M>(stored: StoredVector<M> | undefined): Omit<StoredVector<M>, 'seq'> | undefined {
  return stored && { vector: stored.vector, metadata: stored.metadata }
}
