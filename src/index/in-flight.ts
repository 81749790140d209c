import { WalError } from '../errors.ts'

/** What is logged and not yet applied, as far as it decides whether an id exists. */
interface Expected {
  exists: boolean
  users: number
}

/**
 * Lets validation see what is in flight: of two inserts of one id, the second is refused although the first is not yet applied. Ids that an open transaction has
 * touched are reserved for it until it ends.
 */
export class InFlight {
  readonly #expected = new Map<string, Expected>()
  readonly #reserved = new Map<string, object>()
  readonly #existsApplied: (id: string) => boolean

  constructor(existsApplied: (id: string) => boolean) {
    this.#existsApplied = existsApplied
  }

  /** Whether an id will exist once everything that is in flight is applied. */
  exists(id: string): boolean {
    return this.#expected.get(id)?.exists ?? this.#existsApplied(id)
  }

  /** @throws WALV_CONFLICT if another transaction has touched the id and has not ended */
  checkFree(id: string, owner?: object): void {
    const holder = this.#reserved.get(id)
    if (holder === undefined || holder === owner) return
    throw new WalError(
      'WALV_CONFLICT',
      `${JSON.stringify(id)} is being changed by a transaction that has not ended. Try again after it. Nothing was logged.`,
      { id, fate: 'not-logged' },
    )
  }

  reserve(id: string, owner: object): void {
    this.#reserved.set(id, owner)
  }

  unreserve(ids: Iterable<string>): void {
    for (const id of ids) this.#reserved.delete(id)
  }

  /** Notes what changes in flight will make of their ids. Returns what to call when they are applied or have failed. */
  enter(outcome: ReadonlyMap<string, boolean>): () => void {
    for (const [id, exists] of outcome) {
      const expected = this.#expected.get(id)
      this.#expected.set(id, { exists, users: (expected?.users ?? 0) + 1 })
    }
    return () => {
      for (const id of outcome.keys()) {
        const expected = this.#expected.get(id)!
        if (--expected.users === 0) this.#expected.delete(id)
      }
    }
  }
}
