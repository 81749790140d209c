/**
 * What an index must hold, told without a look at the engine: the units that were handed to it, in
 * order, and how many of them were acknowledged. A unit takes effect whole, at its place.
 */
import assert from 'node:assert/strict'
import { xxh3Of } from '../../src/index/kernel/xxh3.ts'

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

export interface Unit {
  readonly effects: readonly Effect[]
  /** One of a call that hands over several: none is there behind one that is not. */
  readonly inOrder: boolean
}

/** Facts at one moment. Immutable. */
export interface IndexFacts {
  /** What was there before all that is submitted. */
  readonly base: Content
  readonly submitted: readonly Unit[]
  /** How many of them, from the beginning, must be there after the death of the process. */
  readonly acknowledged: number
  /** And after a power cut. */
  readonly durable: number
}

const NO_UNIT: Unit = { effects: [], inOrder: false }
const NOTHING: IndexFacts = { base: new Map(), submitted: [], acknowledged: 0, durable: 0 }

export class IndexModel {
  #facts: IndexFacts
  readonly #witness: (facts: IndexFacts) => void
  readonly #syncsEach: boolean
  readonly #mayRefuse: boolean

  /**
   * `syncsEach`: what is acknowledged is durable. `mayRefuse`: the log may have refused a group and
   * what waited behind it, whose callers do not know of it yet, and have taken what came then.
   */
  constructor(
    witness: (facts: IndexFacts) => void,
    facts: IndexFacts = NOTHING,
    syncsEach = true,
    mayRefuse = false,
  ) {
    this.#mayRefuse = mayRefuse
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
    for (const { effects } of this.#facts.submitted) for (const effect of effects) apply(state, effect)
    return state
  }

  /** Notes a unit just before it is handed over. */
  submit(effects: readonly Effect[], inOrder = false): SubmittedUnit {
    const added: Unit = { effects, inOrder }
    const submitted = [...this.#facts.submitted, added]
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
        const refused: Unit = { effects: [], inOrder }
        this.#note({ submitted: this.#facts.submitted.map((unit) => (unit === added ? refused : unit)) })
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
    const isReached = this.#isReached(submitted, through, wanted)
    if (!isReached && !(this.#mayRefuse && this.#isReachedWithRefusals(wanted)))
      assert.fail(`no prefix of ${submitted.length} units, ${through} of them acknowledged, gives ${wanted}`)
    this.#note({ ...NOTHING, base: found })
  }

  /** Whether the state after some of the first units, and at least `through` of them, is wanted. */
  #isReached(units: readonly Unit[], through: number, wanted: string): boolean {
    const state = new Map(this.#facts.base)
    return [NO_UNIT, ...units].some(({ effects }, place) => {
      for (const effect of effects) apply(state, effect)
      return place >= through && textOf(state) === wanted
    })
  }

  /** The same where one run of what is not acknowledged has no effect, and what follows has. */
  #isReachedWithRefusals(wanted: string): boolean {
    const { submitted, acknowledged } = this.#facts
    for (let from = acknowledged; from < submitted.length; from++)
      for (let to = from + 1; to < submitted.length; to++) {
        const isCut = submitted.slice(from, to).some(({ inOrder }) => inOrder)
        const behind = submitted.slice(to).filter(({ inOrder }) => !(isCut && inOrder))
        if (this.#isReached([...submitted.slice(0, from), ...behind], from + 1, wanted)) return true
      }
    return false
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

/** What builds on a value that was refused has no effect. */
function apply(state: Map<string, Value>, [id, change]: Effect): void {
  if (typeof change === 'function' && !state.has(id)) return
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
  for (const [id, value] of content) sum += numberOf(id, value)
  return (sum % (1n << 128n)).toString(16).padStart(32, '0')
}

/**
 * The numbers that were computed, by all that they depend on. What is recovered is nearly the same
 * in thousands of states, and the hash is slow in plain JavaScript.
 */
const numbers = new Map<string, bigint>()
const MAX_NUMBERS = 10_000

function numberOf(id: string, { vector, metadata }: Value): bigint {
  const key = JSON.stringify([id, Buffer.from(bytesOf(vector)).toString('base64'), metadata])
  const known = numbers.get(key)
  if (known !== undefined) return known
  const head = Buffer.alloc(12)
  head.writeUInt32LE(Buffer.byteLength(id), 0)
  head.writeUInt32LE(vector.length, 4)
  head.writeUInt32LE(Buffer.byteLength(metadata), 8)
  const item = Buffer.concat([head, bytesOf(vector), Buffer.from(id + metadata)])
  const number = xxh3Of(Buffer.concat([item, Buffer.alloc(Math.max(0, 256 - item.length))]))
  if (numbers.size === MAX_NUMBERS) numbers.clear()
  numbers.set(key, number)
  return number
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)
