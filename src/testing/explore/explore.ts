import { checkOptions, type OptionNames } from '../../option-names.ts'
import type { Operation, OperationHook } from '../disk/operations.ts'
import { SimulatedDisk } from '../disk/simulated-disk.ts'
import type { SimulatedDiskOptions } from '../disk/simulated-disk-options.ts'
import { Random } from '../random.ts'
import { crashStates, crashWith, type Landed, type LookedAt } from './crash-states.ts'
import { shrink } from './shrink.ts'

/**
 * The crash explorer: runs work on a simulated disk, cuts the power before every operation that
 * changes something, and lets `verify` look at what the machine may find then: every state of the
 * disk where there are few, samples where there are many, each once. Some of those are cut again
 * while `verify` is at work on them.
 */
export interface ExploreOptions<Facts> {
  /**
   * Decides everything that is left to chance. Equal seeds explore the same, if `run` and `verify`
   * depend on nothing else, real time included.
   */
  readonly seed: number
  /** Most states looked at for each power cut: all, if there are no more. Default 8. */
  readonly statesPerCut?: number
  /** Every so many states, `verify` itself is cut at every operation. Default 50; 0 for never. */
  readonly secondCutEvery?: number
  /** Most states looked at for each cut of `verify`. Default 2. */
  readonly statesPerSecondCut?: number
  /** Exploring ends with so many violations. Default 5. */
  readonly maxViolations?: number
  /** Of the disk, beside the seed. */
  readonly disk?: Omit<SimulatedDiskOptions, 'seed'>
  /** Done before `run`, without a power cut. What it did not sync can still be lost. */
  readonly prepare?: (disk: SimulatedDisk) => Promise<void>
  /**
   * Does the work. `witness` notes what must hold from that moment on; only the newest note counts,
   * and it must not be changed later.
   */
  readonly run: (disk: SimulatedDisk, witness: (facts: Facts) => void) => Promise<void>
  /**
   * Makes operations of `run` fail; see `SimulatedDisk.onOperation`, which belongs to the explorer.
   */
  readonly onOperation?: OperationHook
  /**
   * Throws if a disk that a power cut left is not acceptable, given what was witnessed before it.
   * May write, as any recovery does, and witness what must hold from then on; must itself survive a
   * power cut.
   */
  readonly verify: (
    disk: SimulatedDisk,
    facts: Facts | undefined,
    witness: (facts: Facts) => void,
  ) => Promise<void>
}

const EXPLORE_OPTIONS: OptionNames<ExploreOptions<never>> = {
  seed: true,
  statesPerCut: true,
  secondCutEvery: true,
  statesPerSecondCut: true,
  maxViolations: true,
  disk: true,
  prepare: true,
  run: true,
  onOperation: true,
  verify: true,
}

/** A power cut, and what of the unsynced changes it left. */
export interface PowerCut {
  /** How many operations had been done. */
  readonly afterOperations: number
  /** What `SimulatedDisk.crash` takes to leave the same again. */
  readonly choice: readonly number[]
  /** The unsynced changes that are on the disk: no fewer will do. */
  readonly landed: readonly string[]
  /** The last changes before the cut. */
  readonly story: readonly string[]
}

/**
 * Something that is not acceptable: a state of the disk that `verify` threw at, or work that `run`
 * could not do.
 */
export interface Violation {
  readonly seed: number
  readonly error: Error
  /** Not set if `run` itself threw. */
  readonly cut?: PowerCut
  /** Set if the power was cut again while `verify` was at work. */
  readonly second?: PowerCut
  /** The last changes of the work. */
  readonly story: readonly string[]
}

export interface Exploration {
  /** Power cuts of the work. */
  readonly cuts: number
  /** Power cuts of `verify`. */
  readonly secondCuts: number
  /** States looked at, after either. No two of one note are equal. */
  readonly states: number
  readonly violations: readonly Violation[]
}

const STORY_OPERATIONS = 12
/** Verifications spent on making a violation smaller. */
const MAX_SHRINKING = 200
const CHANGES: ReadonlySet<Operation['kind']> = new Set([
  'create',
  'makeDirectory',
  'rename',
  'link',
  'remove',
  'syncDirectory',
  'write',
  'sync',
  'truncate',
])
/** Operations after which more is surely on the disk than before. */
const SYNCS: ReadonlySet<Operation['kind']> = new Set(['sync', 'syncDirectory', 'lock', 'unlock'])

/** A power cut that could have happened. */
interface Cut<Facts> {
  readonly disk: SimulatedDisk
  readonly facts: Facts | undefined
  readonly operations: number
  /** Syncs done. With the same count, equal changes that landed make equal disks. */
  readonly syncs: number
}

/** Work whose every cut is known. */
interface Recording<Facts> {
  readonly cuts: Cut<Facts>[]
  readonly operations: readonly Operation[]
  readonly error?: Error
}

/** A state that `verify` threw at, or, with `second`, that it did not survive a cut on. */
interface Failure {
  readonly error: Error
  readonly state: LookedAt
  readonly second?: PowerCut
}

export async function explore<Facts>(options: ExploreOptions<Facts>): Promise<Exploration> {
  checkOptions('explore', options, EXPLORE_OPTIONS)
  return new Exploring(options).all()
}

class Exploring<Facts> {
  readonly #options: ExploreOptions<Facts>
  readonly #random: Random
  readonly #violations: Violation[] = []
  #states = 0
  #secondCuts = 0

  constructor(options: ExploreOptions<Facts>) {
    this.#options = options
    this.#random = new Random(options.seed)
  }

  async all(): Promise<Exploration> {
    const { seed, prepare, run, onOperation, statesPerCut = 8, secondCutEvery = 50 } = this.#options
    const disk = new SimulatedDisk({ ...this.#options.disk, seed })
    await prepare?.(disk)
    const work = await record<Facts>(disk, undefined, (witness) => run(disk, witness), onOperation)
    const story = storyOf(work.operations)
    if (work.error) this.#violations.push({ seed, error: work.error, story })
    for (const { cut, state } of this.#statesOf(work.cuts, statesPerCut)) {
      const twice = secondCutEvery > 0 && this.#random.below(secondCutEvery) === 0
      const found = twice ? await this.#verifyTwice(cut, state) : await this.#verify(cut, state)
      if (found) {
        const { error, second } = found
        const first = powerCut(cut, found.state, work.operations)
        this.#violations.push({ seed, error, cut: first, ...(second && { second }), story })
      }
      if (this.#violations.length >= (this.#options.maxViolations ?? 5)) break
    }
    return {
      cuts: work.cuts.length,
      secondCuts: this.#secondCuts,
      states: this.#states,
      violations: this.#violations,
    }
  }

  /** Every state to be looked at, once. */
  *#statesOf(cuts: readonly Cut<Facts>[], limit: number): Generator<{ cut: Cut<Facts>; state: LookedAt }> {
    let known = new Set<string>()
    let before: Cut<Facts> | undefined
    for (const cut of cuts) {
      if (before?.facts !== cut.facts || before?.syncs !== cut.syncs) known = new Set()
      before = cut
      const isKnown = (landed: readonly Landed[]): boolean => {
        const key = landed.map((each) => textOf(each, cut.operations)).join('\n')
        const had = known.has(key)
        known.add(key)
        return had
      }
      for (const state of crashStates(cut.disk, limit, this.#random, isKnown)) {
        this.#states++
        yield { cut, state }
      }
    }
  }

  async #verify(cut: Cut<Facts>, state: LookedAt): Promise<Failure | undefined> {
    const error = await this.#attempt(state.disk, cut.facts)
    return error && this.#smallest(cut, state, error)
  }

  async #attempt(disk: SimulatedDisk, facts: Facts | undefined): Promise<Error | undefined> {
    try {
      await this.#options.verify(disk, facts, () => {})
      return undefined
    } catch (error) {
      return error as Error
    }
  }

  /** The same violation with as few changes on the disk as it takes. */
  async #smallest(cut: Cut<Facts>, state: LookedAt, error: Error): Promise<Failure> {
    let found: Failure = { error, state }
    await shrink(
      state.landed,
      async (landed) => {
        const smaller = crashWith(cut.disk, landed)
        const again = await this.#attempt(crashWith(cut.disk, landed).disk, cut.facts)
        if (again) found = { error: again, state: smaller }
        return again !== undefined
      },
      MAX_SHRINKING,
    )
    return found
  }

  /** Cuts the power again at every operation of `verify`. */
  async #verifyTwice(cut: Cut<Facts>, state: LookedAt): Promise<Failure | undefined> {
    const { verify, statesPerSecondCut = 2 } = this.#options
    const { disk } = crashWith(cut.disk, state.landed)
    const work = await record(disk, cut.facts, (witness) => verify(disk, cut.facts, witness))
    if (work.error) return this.#smallest(cut, state, work.error)
    this.#secondCuts += work.cuts.length
    for (const again of this.#statesOf(work.cuts, statesPerSecondCut)) {
      const found = await this.#verify(again.cut, again.state)
      if (found)
        return { error: found.error, state, second: powerCut(again.cut, found.state, work.operations) }
    }
    return undefined
  }
}

/** Keeps the disk as it is before every operation that changes it, and at the end. */
async function record<Facts>(
  disk: SimulatedDisk,
  known: Facts | undefined,
  work: (witness: (facts: Facts) => void) => Promise<void>,
  onOperation?: OperationHook,
): Promise<Recording<Facts>> {
  const cuts: Cut<Facts>[] = []
  let facts = known
  let syncs = 0
  let error: Error | undefined
  const keep = (operations: number): void => {
    cuts.push({ disk: disk.kill(), facts, operations, syncs })
  }
  disk.onOperation = (operation) => {
    if (CHANGES.has(operation.kind)) keep(operation.number)
    if (SYNCS.has(operation.kind)) syncs++
    return onOperation?.(operation)
  }
  try {
    await work((newest) => {
      facts = newest
    })
  } catch (failure) {
    error = failure as Error
  }
  disk.onOperation = undefined
  keep(disk.ops.length)
  return { cuts, operations: [...disk.ops], ...(error && { error }) }
}

function powerCut<Facts>(
  { operations }: Cut<Facts>,
  { choice, landed }: LookedAt,
  all: readonly Operation[],
): PowerCut {
  return {
    afterOperations: operations,
    choice,
    landed: landed.map((each) => textOf(each, operations)),
    story: storyOf(all.slice(0, operations)),
  }
}

/** On the disk of a cut, operations before it have negative numbers. */
function textOf({ change, version }: Landed, operations: number): string {
  const by = change.operations[version]! + operations
  if (change.kind === 'sector') return `sector ${change.sector} of ${change.path}, by operation ${by}`
  return `${change.kind === 'size' ? 'size of' : change.change} ${change.path}, by operation ${by}`
}

function storyOf(operations: readonly Operation[]): string[] {
  return operations
    .filter(({ kind }) => CHANGES.has(kind))
    .slice(-STORY_OPERATIONS)
    .map(({ number, kind, path, to, position, bytes }) => {
      const where = position === undefined ? '' : ` at ${position}, ${bytes} bytes`
      return `${number}: ${kind} ${path}${to === undefined ? '' : ` to ${to}`}${where}`
    })
}
