/**
 * What an index must hold, told without a look at the engine: the units that were handed to it, in order, and how many of them were acknowledged. A unit takes
 * effect whole, at its place.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'

/** A change of the map of ids to values: null removes. */
export type Effect = readonly [id: string, value: Value | null]

export interface Value {
  readonly vector: Float32Array
  /** As JSON. */
  readonly metadata: string
}

export type Content = ReadonlyMap<string, Value>

/** Facts at one moment. Immutable. */
export interface IndexFacts {
  /** What was there before all that is submitted. */
  readonly base: Content
  readonly submitted: readonly (readonly Effect[])[]
  /** How many of them, from the beginning, must be there. */
  readonly acknowledged: number
}

const NOTHING: IndexFacts = { base: new Map(), submitted: [], acknowledged: 0 }

export class IndexModel {
  #facts: IndexFacts
  readonly #witness: (facts: IndexFacts) => void

  constructor(witness: (facts: IndexFacts) => void, facts: IndexFacts = NOTHING) {
    this.#facts = facts
    this.#witness = witness
    witness(facts)
  }

  /** Notes a unit just before it is handed over. */
  submit(effects: readonly Effect[]): SubmittedUnit {
    const submitted = [...this.#facts.submitted, effects]
    this.#note({ submitted })
    return {
      acknowledge: () => {
        this.#note({ acknowledged: Math.max(this.#facts.acknowledged, submitted.length) })
      },
      refuse: () => {
        this.#note({ submitted: this.#facts.submitted.map((unit) => (unit === effects ? [] : unit)) })
      },
    }
  }

  /** Fails unless `found` is the state after a prefix of what was submitted that holds all that was acknowledged. It is the truth from then on. */
  settle(found: Content): void {
    const { submitted, acknowledged } = this.#facts
    const wanted = textOf(found)
    const state = new Map(this.#facts.base)
    let place = 0
    for (const unit of [[], ...submitted]) {
      for (const effect of unit) apply(state, effect)
      if (place >= acknowledged && textOf(state) === wanted) {
        this.#note({ ...NOTHING, base: found })
        return
      }
      place++
    }
    assert.fail(`no prefix of ${submitted.length} units, ${acknowledged} of them acknowledged, gives ${wanted}`)
  }

  #note(change: Partial<IndexFacts>): void {
    this.#facts = { ...this.#facts, ...change }
    this.#witness(this.#facts)
  }
}

export interface SubmittedUnit {
  acknowledge(): void
  /** It was refused, and has no effect. */
  refuse(): void
}

function apply(state: Map<string, Value>, [id, value]: Effect): void {
  if (value === null) state.delete(id)
  else state.set(id, value)
}

function textOf(content: Content): string {
  const lines = [...content].map(
    ([id, { vector, metadata }]) => `${id} ${vector} ${metadata.length} ${metadata.at(-3)}`,
  )
  return lines.sort().join('\n')
}

/** As docs/format.md says: the sum of one number for each id. */
export function fingerprintOf(content: Content): string {
  let sum = 0n
  for (const [id, { vector, metadata }] of content) {
    const head = Buffer.alloc(12)
    head.writeUInt32LE(Buffer.byteLength(id), 0)
    head.writeUInt32LE(vector.length, 4)
    head.writeUInt32LE(Buffer.byteLength(metadata), 8)
    const hash = createHash('sha256').update(head).update(bytesOf(vector)).update(id).update(metadata)
    const digest = hash.digest()
    sum += digest.readBigUInt64LE(0) + (digest.readBigUInt64LE(8) << 64n)
  }
  return (sum % (1n << 128n)).toString(16).padStart(32, '0')
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)
