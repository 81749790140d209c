/**
 * What a process under torture does, decided by a seed alone: so that the parent knows it without
 * being told, and the process need tell only what was acknowledged.
 */
import type { BatchMember, DataEntry, InsertEntry } from '../../src/mod.ts'
import { Random } from '../../src/testing/random.ts'

export const DIMENSIONS = 8

/** A change of one id: what is put there, or nothing for its removal. */
export interface Change {
  readonly id: string
  readonly put?: Pick<InsertEntry, 'vector'> & {
    readonly metadata: { readonly stamp: string; readonly text: string }
  }
}

/** One record of the log each. */
export type Step =
  | { readonly do: 'change'; readonly change: Change }
  | { readonly do: 'batch'; readonly changes: readonly Change[] }
  | { readonly do: 'begin'; readonly slot: number }
  | { readonly do: 'add'; readonly slot: number; readonly change: Change }
  | { readonly do: 'end'; readonly slot: number; readonly commits: boolean }

export interface Diet {
  readonly seed: number
  /** Lengths of metadata to choose from. */
  readonly lengths: readonly number[]
  /**
   * Most transactions open at a time; with 1 nothing else comes between a transaction's records.
   */
  readonly slots: number
}

/**
 * An endless stream of steps. Every change is told apart from every other, of this stream and of
 * streams with other seeds, by its stamp.
 */
export function* steps({ seed, lengths, slots }: Diet): Generator<Step, never, void> {
  const random = new Random(seed)
  const changes = new Changes(random, seed, lengths)
  const open = new Map<number, number>()
  for (;;) {
    const chance = random.below(100)
    const slot = random.below(Math.max(1, slots))
    if (slots > 0 && chance < 40) {
      do yield transactionStep(random, changes, open, slot)
      while (slots === 1 && open.size > 0)
    } else if (chance < 55) yield { do: 'batch', changes: changes.several() }
    else yield { do: 'change', change: changes.one() }
  }
}

/** `open` holds how many changes each open transaction is still to get. */
function transactionStep(random: Random, changes: Changes, open: Map<number, number>, slot: number): Step {
  const left = open.get(slot)
  if (left === undefined) {
    open.set(slot, random.below(5))
    return { do: 'begin', slot }
  }
  if (left > 0) {
    open.set(slot, left - 1)
    return { do: 'add', slot, change: changes.reserved() }
  }
  open.delete(slot)
  return { do: 'end', slot, commits: random.chance(0.8) }
}

/** More than the puts between a transaction's begin and the answer to its commit. */
const RESERVED_IDS = 600

class Changes {
  readonly #random: Random
  readonly #seed: number
  readonly #lengths: readonly number[]
  readonly #live = new Set<string>()
  #count = 0

  constructor(random: Random, seed: number, lengths: readonly number[]) {
    this.#random = random
    this.#seed = seed
    this.#lengths = lengths
  }

  /**
   * Removes only what this stream has put before: a removal of what is not there would not be
   * logged.
   */
  one(): Change {
    const [oldest] = this.#live
    if (oldest !== undefined && this.#random.chance(0.2)) {
      this.#live.delete(oldest)
      return { id: oldest }
    }
    const change = this.#put(`a-${this.#random.below(40)}`)
    this.#live.add(change.id)
    return change
  }

  several(): Change[] {
    return Array.from({ length: 1 + this.#random.below(6) }, () => this.one())
  }

  /** A change within a transaction: of an id that nothing else under way touches. */
  reserved(): Change {
    return this.#put(`t-${this.#count % RESERVED_IDS}`)
  }

  #put(id: string): Change {
    const stamp = `${this.#seed}-${++this.#count}`
    const text = String.fromCharCode(97 + this.#random.below(26)).repeat(this.#random.pick(this.#lengths))
    const vector = Float32Array.from({ length: DIMENSIONS }, () => this.#random.next() / 2 ** 32)
    return { id, put: { vector, metadata: { stamp, text } } }
  }
}

export const entryOf = ({ id, put }: Change): DataEntry =>
  put ? { type: 'insert', id, replace: true, ...put } : { type: 'delete', id }

/** The entry that a step leaves in the log, if it is not a marker of a transaction. */
export function memberOf(step: Step): BatchMember | undefined {
  if (step.do === 'batch') return { type: 'batch', entries: step.changes.map(entryOf) }
  return 'change' in step ? entryOf(step.change) : undefined
}
