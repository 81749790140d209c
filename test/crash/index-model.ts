/**
 * What an index must hold, told without a look at the engine: the units that were handed to it, in
 * order, and how many of them were acknowledged. A unit takes effect whole, at its place.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'

/**
 * A change of the map of ids to values: null removes; what is a function goes by what was there.
 */
export type Effect = readonly [
  id: string,
  value: Value | null | ((before: Value | undefined) => Value | null),
]

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
  /** How many of them, from the beginning, must be there after the death of the process. */
  readonly acknowledged: number
  /** And after a power cut. */
  readonly durable: number
}

const NOTHING: IndexFacts = { base: new Map(), submitted: [], acknowledged: 0, durable: 0 }

export class IndexModel {
  #facts: IndexFacts
  readonly #witness: (facts: IndexFacts) => void
  readonly #syncsEach: boolean

  /** `syncsEach`: what is acknowledged is durable. */
  constructor(witness: (facts: IndexFacts) => void, facts: IndexFacts = NOTHING, syncsEach = true) {
    this.#facts = facts
    this.#witness = witness
    this.#syncsEach = syncsEach
    witness(facts)
  }

  get facts(): IndexFacts {
    return this.#facts
  }

  /** What is there once all that was submitted has taken effect. */
  get latest(): Content {
    const state = new Map(this.#facts.base)
    for (const unit of this.#facts.submitted) for (const effect of unit) apply(state, effect)
    return state
  }

  /** Notes a unit just before it is handed over. */
  submit(effects: readonly Effect[]): SubmittedUnit {
    const submitted = [...this.#facts.submitted, effects]
    const { base } = this.#facts
    this.#note({ submitted })
    return {
      acknowledge: () => {
        // Another life has begun meanwhile.
        if (base !== this.#facts.base) return
        const acknowledged = Math.max(this.#facts.acknowledged, submitted.length)
        this.#note({ acknowledged, ...(this.#syncsEach && { durable: acknowledged }) })
      },
      refuse: () => {
        this.#note({ submitted: this.#facts.submitted.map((unit) => (unit === effects ? [] : unit)) })
      },
    }
  }

  /** What is acknowledged now is durable once `work` has resolved. */
  async vouchAfter(work: Promise<unknown>): Promise<void> {
    const { base, acknowledged } = this.#facts
    await work
    if (base === this.#facts.base) this.#note({ durable: Math.max(this.#facts.durable, acknowledged) })
  }

  /**
   * Fails unless `found` is the state after a prefix of what was submitted that holds the first
   * `through` of it, by default all that was acknowledged. It is the truth from then on.
   */
  settle(found: Content, through: number = this.#facts.acknowledged): void {
    const { submitted } = this.#facts
    const wanted = textOf(found)
    const state = new Map(this.#facts.base)
    let place = 0
    for (const unit of [[], ...submitted]) {
      for (const effect of unit) apply(state, effect)
      if (place >= through && textOf(state) === wanted) {
        this.#note({ ...NOTHING, base: found })
        return
      }
      place++
    }
    assert.fail(`no prefix of ${submitted.length} units, ${through} of them acknowledged, gives ${wanted}`)
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

function apply(state: Map<string, Value>, [id, change]: Effect): void {
  const value = typeof change === 'function' ? change(state.get(id)) : change
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
