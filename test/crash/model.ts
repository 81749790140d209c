/**
 * What a log must hold, told without a look at the engine: the units that were handed to it, in order, and which were acknowledged. A unit takes effect whole, at its
 * place.
 */
import assert from 'node:assert/strict'

/** A change of the map of ids to values that the model keeps: null removes. */
export type Effect = readonly [id: string, value: string | null]

/** Facts at one moment. Immutable. */
export interface Facts {
  readonly submitted: readonly (readonly Effect[])[]
  /** How many of them, from the beginning, must be there. */
  readonly acknowledged: number
}

export class Model {
  #submitted: (readonly Effect[])[] = []
  #acknowledged = 0
  readonly #witness: (facts: Facts) => void

  constructor(witness: (facts: Facts) => void) {
    this.#witness = witness
    this.#note()
  }

  /** Notes a unit just before it is handed over. Returns what to call when it is acknowledged. */
  submit(effects: readonly Effect[]): () => void {
    this.#submitted = [...this.#submitted, effects]
    const place = this.#submitted.length
    this.#note()
    return () => {
      this.#acknowledged = Math.max(this.#acknowledged, place)
      this.#note()
    }
  }

  #note(): void {
    this.#witness({ submitted: this.#submitted, acknowledged: this.#acknowledged })
  }
}

/** The states of the map after each prefix of the units, as texts. */
function* prefixes({ submitted }: Facts): Generator<string, void, void> {
  const state = new Map<string, string>()
  yield textOf(state)
  for (const effects of submitted) {
    for (const [id, value] of effects) {
      if (value === null) state.delete(id)
      else state.set(id, value)
    }
    yield textOf(state)
  }
}

export const textOf = (state: ReadonlyMap<string, string>): string =>
  JSON.stringify([...state].sort(([a], [b]) => (a < b ? -1 : 1)))

/** Fails unless `found` is the state after a prefix of what was submitted that holds all that was acknowledged. */
export function checkPrefix(facts: Facts | undefined, found: ReadonlyMap<string, string>): void {
  if (facts === undefined) {
    assert.equal(found.size, 0, 'something is there before anything was submitted')
    return
  }
  const wanted = textOf(found)
  let place = 0
  for (const prefix of prefixes(facts)) {
    if (place >= facts.acknowledged && prefix === wanted) return
    place++
  }
  assert.fail(
    `what is there is no prefix of what was submitted with all ${facts.acknowledged} of ${facts.submitted.length} acknowledged units: ${wanted}`,
  )
}
