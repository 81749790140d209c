import type { CrashChoice } from './crash-choice.ts'
import type { Operation } from './operations.ts'
import { Random } from './random.ts'
import { SimulatedDisk } from './simulated-disk.ts'

/**
 * The crash explorer: runs work on a simulated disk, cuts the power after every operation that changes something, and lets `verify` look at what the machine may
 * find then: every state of the disk where there are few, samples where there are many. Some of those are cut again while `verify` is at work on them.
 */
export interface ExploreOptions<Facts> {
  /** Decides everything that is left to chance. Equal seeds explore the same. */
  readonly seed: number
  /** States looked at for each power cut: all, if there are no more. Default 8. */
  readonly statesPerCut?: number
  /** Every so many states, `verify` itself is cut at every operation. Default 50; 0 for never. */
  readonly secondCutEvery?: number
  /** Does the work. `witness` notes what must hold from that moment on; only the newest note counts, and it must not be changed later. */
  readonly run: (disk: SimulatedDisk, witness: (facts: Facts) => void) => Promise<void>
  /**
   * Throws if a disk that a power cut left is not acceptable, given what was witnessed before it. May write, as any recovery does; must itself survive a power cut.
   */
  readonly verify: (disk: SimulatedDisk, facts: Facts | undefined) => Promise<void>
}

/** A state of the disk that `verify` did not accept. */
export interface Violation {
  readonly seed: number
  /** How many operations the work had done. */
  readonly afterOperations: number
  readonly choice: CrashChoice
  /** Set if the power was cut again, after so many operations of `verify`. */
  readonly second?: { readonly afterOperations: number; readonly choice: CrashChoice }
  readonly error: Error
  /** The last operations before the cut. */
  readonly story: readonly string[]
}

export interface Exploration {
  readonly cuts: number
  readonly states: number
  readonly violations: readonly Violation[]
}

/** More violations of one exploration say no more than these. */
const MAX_VIOLATIONS = 5
const STORY_OPERATIONS = 12
const CHANGES: ReadonlySet<Operation['kind']> = new Set([
  'create',
  'makeDirectory',
  'rename',
  'remove',
  'syncDirectory',
  'write',
  'sync',
  'truncate',
])

/** A power cut that could have happened. */
interface Cut<Facts> {
  readonly disk: SimulatedDisk
  readonly facts: Facts | undefined
  readonly operations: number
}

export async function explore<Facts>(options: ExploreOptions<Facts>): Promise<Exploration> {
  const { seed, statesPerCut = 8, secondCutEvery = 50, run, verify } = options
  const random = new Random(seed)
  const disk = new SimulatedDisk({ seed })
  const cuts = await recordCuts(disk, (witness: (facts: Facts) => void) => run(disk, witness))
  const violations: Violation[] = []
  let states = 0
  for (const cut of cuts) {
    for (const { disk: found, choice } of cut.disk.crashStates(statesPerCut)) {
      states++
      const place = { seed, afterOperations: cut.operations, choice, story: storyOf(disk.ops, cut.operations) }
      const twice = secondCutEvery > 0 && random.below(secondCutEvery) === 0
      const result = twice
        ? await verifyTwice(found, cut.facts, verify)
        : { states: 0, ...(await attempt(() => verify(found, cut.facts))) }
      states += result.states
      if (result.error)
        violations.push({ ...place, error: result.error, ...(result.second && { second: result.second }) })
      if (violations.length >= MAX_VIOLATIONS) return { cuts: cuts.length, states, violations }
    }
  }
  return { cuts: cuts.length, states, violations }
}

/** Keeps the disk as it is before every operation that changes it, and at the end. */
async function recordCuts<Facts>(
  disk: SimulatedDisk,
  work: (witness: (facts: Facts) => void) => Promise<void>,
): Promise<Cut<Facts>[]> {
  const cuts: Cut<Facts>[] = []
  let facts: Facts | undefined
  const keep = (operations: number): void => {
    cuts.push({ disk: disk.kill(), facts, operations })
  }
  disk.onOperation = ({ kind, number }) => {
    if (CHANGES.has(kind)) keep(number)
    return undefined
  }
  try {
    await work((newest) => {
      facts = newest
    })
  } finally {
    disk.onOperation = undefined
  }
  keep(disk.ops.length)
  return cuts
}

interface Attempt {
  readonly error?: Error
  readonly second?: NonNullable<Violation['second']>
}

async function attempt(work: () => Promise<void>): Promise<Attempt> {
  try {
    await work()
    return {}
  } catch (error) {
    return { error: error as Error }
  }
}

/** Cuts the power again at every operation of `verify`, one state each. */
async function verifyTwice<Facts>(
  disk: SimulatedDisk,
  facts: Facts | undefined,
  verify: (disk: SimulatedDisk, facts: Facts | undefined) => Promise<void>,
): Promise<Attempt & { readonly states: number }> {
  let first: Attempt = {}
  const cuts = await recordCuts<Facts>(disk, async () => {
    first = await attempt(() => verify(disk, facts))
  })
  if (first.error) return { ...first, states: 0 }
  let states = 0
  for (const cut of cuts) {
    for (const { disk: found, choice } of cut.disk.crashStates(1)) {
      states++
      const result = await attempt(() => verify(found, facts))
      if (result.error) return { error: result.error, states, second: { afterOperations: cut.operations, choice } }
    }
  }
  return { states }
}

function storyOf(operations: readonly Operation[], until: number): string[] {
  return operations
    .slice(Math.max(0, until - STORY_OPERATIONS), until)
    .map(({ number, kind, path, to, position, bytes }) => {
      const where = position === undefined ? '' : ` at ${position}, ${bytes} bytes`
      return `${number}: ${kind} ${path}${to === undefined ? '' : ` to ${to}`}${where}`
    })
}
