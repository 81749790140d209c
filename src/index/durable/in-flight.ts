import { echo } from '../../echo.ts'
import type { DataEntry } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { MAX_INDEX_VECTORS } from '../../limits.ts'
import type { Catalog } from './catalog.ts'
import { type PendingId, PendingIds } from './pending-ids.ts'

/** What is logged and not yet applied, as far as it decides whether an id exists. */
export interface Expected extends PendingId {
  readonly exists: boolean
}

/**
 * Lets validation see what is in flight: of two inserts of one id, the second is refused although
 * the first is not yet applied. Ids that an open transaction has touched are reserved for it until
 * it ends.
 */
export class InFlight {
  readonly #expected = new PendingIds<Expected>()
  readonly #reserved = new Map<string, object>()
  readonly #catalog: Catalog
  readonly isShared: boolean

  /**
   * `isShared`: others change the log as well, so that only a change's place in it tells whether
   * its id exists; nothing is refused for that here.
   */
  constructor(catalog: Catalog, isShared: boolean) {
    this.#catalog = catalog
    this.isShared = isShared
  }

  /** Whether an id will exist once everything that is in flight is applied. */
  exists(id: string): boolean {
    return this.#expected.get(id)?.exists ?? this.#catalog.has(id)
  }

  /** Whether something that is not applied yet decides whether an id exists. */
  decides(id: string): boolean {
    return this.isShared || this.#expected.get(id) !== undefined
  }

  /**
   * Makes sure that a change can take effect, where `exists` tells whether its id will be there.
   * @throws WALV_DUPLICATE_ID, WALV_NOT_FOUND, WALV_LIMIT
   */
  checkPossible(change: DataEntry, exists: boolean): void {
    if (this.isShared) return
    const { type, id } = change
    if (type === 'update' && !exists) {
      throw new WalError(
        'WALV_NOT_FOUND',
        `There is no ${echo(id)} to update. Use upsert to make it. Nothing was logged.`,
        { id, fate: 'not-logged' },
      )
    }
    if (type !== 'insert') return
    if (exists && !change.replace) {
      throw new WalError(
        'WALV_DUPLICATE_ID',
        `${echo(id)} exists already. Use upsert to replace it. Nothing was logged.`,
        { id, fate: 'not-logged' },
      )
    }
    if (!exists && this.#catalog.size + this.#expected.size >= MAX_INDEX_VECTORS) {
      throw new WalError(
        'WALV_LIMIT',
        `An index holds at most ${MAX_INDEX_VECTORS} vectors. Spread them over several. Nothing was logged.`,
        { id, fate: 'not-logged' },
      )
    }
  }

  /** @throws WALV_CONFLICT if another transaction has touched the id and has not ended */
  checkFree(id: string, owner?: object): void {
    if (this.#reserved.size === 0) return
    const holder = this.#reserved.get(id)
    if (holder === undefined || holder === owner) return
    throw new WalError(
      'WALV_CONFLICT',
      `${echo(id)} is being changed by a transaction that has not ended. Try again after it. Nothing was logged.`,
      { id, fate: 'not-logged' },
    )
  }

  reserve(id: string, owner: object): void {
    this.#reserved.set(id, owner)
  }

  unreserve(ids: Iterable<string>): void {
    for (const id of ids) this.#reserved.delete(id)
  }

  /**
   * Notes what changes in flight will make of their ids. Returns what to call when they are applied
   * or have failed.
   */
  enter(outcome: ReadonlyMap<string, boolean>): () => void {
    const entered = Array.from(outcome, ([id, exists]) => expectedOf(id, exists))
    for (const each of entered) this.enterOne(each)
    return () => {
      for (const each of entered) this.leave(each)
    }
  }

  /** The same for one id; `leave` is to be called with the same. */
  enterOne(expected: Expected): void {
    this.#expected.add(expected)
  }

  leave(expected: Expected): void {
    this.#expected.remove(expected)
  }
}

export const expectedOf = (id: string, exists: boolean): Expected => ({
  id,
  exists,
  hash: 0,
  next: undefined,
})
