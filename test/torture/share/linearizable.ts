/**
 * Whether a history of one id can be explained by some order of its operations that respects real
 * time: one that returned before another was called comes before it. The search of Wing and Gong
 * ("Testing and verifying concurrent objects", 1993), with the cache of Lowe ("Testing for
 * linearizability", 2017).
 */
export interface Operation {
  readonly kind: 'insert' | 'upsert' | 'update' | 'delete' | 'swap' | 'read'
  /** What it writes, or, of a read, what it found; undefined for nothing. */
  readonly value?: number | undefined
  /** Of a swap, the value that it is to take the place of; undefined for nothing. */
  readonly expected?: number | undefined
  /** Whether it took effect; undefined where nobody was told. */
  readonly succeeded: boolean | undefined
  readonly calledAt: number
  /** Infinity where it never returned: it may have taken effect at any time since, or never. */
  readonly returnedAt: number
}

type State = number | undefined

/** What an operation makes of the state, and whether it succeeds there. */
function run(
  { kind, value, expected }: Operation,
  state: State,
): { readonly next: State; readonly succeeded: boolean } {
  switch (kind) {
    case 'insert':
      return state === undefined ? { next: value, succeeded: true } : { next: state, succeeded: false }
    case 'upsert':
      return { next: value, succeeded: true }
    case 'update':
      return state === undefined ? { next: state, succeeded: false } : { next: value, succeeded: true }
    case 'delete':
      return { next: undefined, succeeded: state !== undefined }
    case 'swap':
      return state === expected ? { next: value, succeeded: true } : { next: state, succeeded: false }
    case 'read':
      return { next: state, succeeded: state === value }
  }
}

interface Step {
  readonly at: number
  readonly state: State
}

/** The state is undefined at the beginning: the id does not exist. */
export function isLinearizable(operations: readonly Operation[]): boolean {
  const search = new Search(operations.toSorted((a, b) => a.calledAt - b.calledAt))
  while (!search.isExplained) if (!search.goOn() && !search.goBack()) return false
  return true
}

const hasReturned = ({ returnedAt }: Operation): boolean => returnedAt !== Number.POSITIVE_INFINITY

class Search {
  readonly #operations: readonly Operation[]
  readonly #isDone: boolean[]
  readonly #seen = new Set<string>()
  readonly #steps: Step[] = []
  #state: State
  /** Everything before it is done. */
  #first = 0
  /** Where the next step is looked for. */
  #from = 0
  #required: number

  constructor(operations: readonly Operation[]) {
    this.#operations = operations
    this.#isDone = operations.map(() => false)
    this.#required = operations.filter(hasReturned).length
  }

  get isExplained(): boolean {
    return this.#required === 0
  }

  /** Takes a step that was not tried in this situation; answers whether there is one. */
  goOn(): boolean {
    const end = this.#windowEnd()
    for (let at = Math.max(this.#from, this.#first); at < end; at++) {
      const operation = this.#operations[at]!
      if (this.#isDone[at]) continue
      const { next, succeeded } = run(operation, this.#state)
      if (operation.succeeded !== undefined && operation.succeeded !== succeeded) continue
      this.#isDone[at] = true
      const situation = this.#situation(end, next)
      if (this.#seen.has(situation)) {
        this.#isDone[at] = false
        continue
      }
      this.#seen.add(situation)
      this.#steps.push({ at, state: this.#state })
      this.#state = next
      if (hasReturned(operation)) this.#required--
      while (this.#isDone[this.#first]) this.#first++
      this.#from = 0
      return true
    }
    return false
  }

  /** Takes the last step back; answers whether there was one. */
  goBack(): boolean {
    const last = this.#steps.pop()
    if (last === undefined) return false
    this.#isDone[last.at] = false
    this.#first = Math.min(this.#first, last.at)
    this.#state = last.state
    if (hasReturned(this.#operations[last.at]!)) this.#required++
    this.#from = last.at + 1
    return true
  }

  /** Behind the last operation that was called before one that is not done returned. */
  #windowEnd(): number {
    let firstReturn = Number.POSITIVE_INFINITY
    let at = this.#first
    for (; at < this.#operations.length && this.#operations[at]!.calledAt <= firstReturn; at++)
      if (!this.#isDone[at]) firstReturn = Math.min(firstReturn, this.#operations[at]!.returnedAt)
    return at
  }

  /** What is done, without what all situations share, and the state. */
  #situation(end: number, state: State): string {
    let first = this.#first
    while (this.#isDone[first]) first++
    let text = `${first} ${state} `
    for (let at = first; at < end; at++) text += this.#isDone[at] ? '1' : '0'
    return text
  }
}
