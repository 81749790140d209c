import type { Snapshot } from '../../log/log.ts'
import { catalogAmong, readCatalogNumbers } from './catalog-file.ts'
import { hasKeys, IdempotencyKeys, KEYS_FILE } from './idempotency-keys.ts'
import { impossibleIn, type Known, noteKeys, partsOf, type Unit } from './unit.ts'

/**
 * Which ids there are, and the numbers of their last changes, carried from change to change: what
 * it takes to tell which changes took effect, and no more. Memory: the ids.
 */
export class IdLedger implements Known {
  readonly keys: IdempotencyKeys = new IdempotencyKeys()
  readonly #seqs = new Map<string, number>()

  get size(): number {
    return this.#seqs.size
  }

  ids(): IterableIterator<string> {
    return this.#seqs.keys()
  }

  seqOf(id: string): number | undefined {
    return this.#seqs.get(id)
  }

  /**
   * Fills it, empty, from a snapshot that has a catalog and reaches through `lastSeq`.
   * @throws WALV_INDEX_MISMATCH
   */
  async load(snapshot: Snapshot, lastSeq: number): Promise<void> {
    const { files } = snapshot.reference
    const take = (id: string, seq: number): void => void this.#seqs.set(id, Math.min(seq, lastSeq))
    await readCatalogNumbers(snapshot.read(catalogAmong(files)!), take)
    if (hasKeys(files)) await this.keys.load(snapshot.read(KEYS_FILE), lastSeq)
  }

  /** Takes what takes effect next in the log. Answers whether it does. */
  take(unit: Unit): boolean {
    const parts = partsOf(unit.entries)
    if (impossibleIn(parts, unit.timestamp, this)) return false
    noteKeys(parts, unit, this)
    for (const { type, id } of parts.changes)
      if (type === 'delete') this.#seqs.delete(id)
      else this.#seqs.set(id, unit.seq)
    return true
  }
}
