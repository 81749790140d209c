/**
 * The states of a disk to look at after a power cut: all of them where they are few, else samples
 * that differ in kind.
 */
import { type Choose, everyChoice, type UnsyncedChange } from '../disk/crash-choice.ts'
import type { SimulatedDisk } from '../disk/simulated-disk.ts'
import type { Random } from '../random.ts'

/** One state that a power cut may leave. */
export interface LookedAt {
  readonly disk: SimulatedDisk
  /** Leads there again: `SimulatedDisk.crash(choice)`. */
  readonly choice: readonly number[]
  /** The unsynced changes that are on the disk. */
  readonly landed: readonly Landed[]
}

/** A change that is on the disk though nothing had synced it. */
export interface Landed {
  readonly change: UnsyncedChange
  /** Which of its versions. Not 0: that is what a sync left. */
  readonly version: number
}

/** More places than this that are open are not enumerated, whatever the limit. */
const MAX_ENUMERATED = 16
/** Samples are drawn anew if they were had before, so many times for each that is wanted. */
const DRAWS = 3

/**
 * Every state if there are at most `limit`, else `limit` of them, the ones where nothing and where
 * everything landed among them. Leaves out those whose landed changes `isKnown` knows.
 */
export function* crashStates(
  disk: SimulatedDisk,
  limit: number,
  random: Random,
  isKnown: (landed: readonly Landed[]) => boolean,
): Generator<LookedAt, void, void> {
  const open: UnsyncedChange[] = []
  const newest = crashed(disk, (change) => {
    open.push(change)
    return change.operations.length - 1
  })
  const all = open.length > MAX_ENUMERATED ? undefined : everyState(disk, limit)
  const states = all ?? samples(disk, limit, newest, open, random)
  for (const state of states) if (!isKnown(state.landed)) yield state
}

/** `undefined` if there are more than `limit`. */
function everyState(disk: SimulatedDisk, limit: number): LookedAt[] | undefined {
  const states: LookedAt[] = []
  for (const { result } of everyChoice((choose) => crashed(disk, choose))) {
    states.push(result)
    if (states.length > limit) return undefined
  }
  return states
}

function* samples(
  disk: SimulatedDisk,
  limit: number,
  newest: LookedAt,
  open: readonly UnsyncedChange[],
  random: Random,
): Generator<LookedAt, void, void> {
  const had = new Set<string>()
  for (let draws = 0; had.size < limit && draws < limit * DRAWS; draws++) {
    const state =
      draws === 0 ? crashed(disk, () => 0) : draws === 1 ? newest : crashed(disk, sample(open, random))
    const key = state.choice.join()
    if (had.has(key)) continue
    had.add(key)
    yield state
  }
}

/** The state in which exactly these changes landed, as far as one is possible without another. */
export function crashWith(disk: SimulatedDisk, landed: readonly Landed[]): LookedAt {
  const versions = new Map(landed.map(({ change, version }) => [placeOf(change), version]))
  return crashed(disk, (change) => Math.min(versions.get(placeOf(change)) ?? 0, change.operations.length - 1))
}

function crashed(disk: SimulatedDisk, choose: Choose): LookedAt {
  const choice: number[] = []
  const landed: Landed[] = []
  const left = disk.crash((change) => {
    const version = choose(change)
    choice.push(version)
    if (version > 0) landed.push({ change, version })
    return version
  })
  return { disk: left, choice, landed }
}

/** Tells a change from every other that is open at the same time. */
function placeOf(change: UnsyncedChange): string {
  if (change.kind === 'sector') return `${change.path} ${change.sector}`
  return change.kind === 'size' ? change.path : `${change.path} ${change.operations[1]}`
}

const oldest: Choose = () => 0
const newestOf: Choose = ({ operations }) => operations.length - 1

/**
 * Names, sizes and sectors each have a rule of their own, drawn at random, as a file system has:
 * fair coins alone would hardly ever leave a file that was renamed without its size, or lose just
 * one sector. At times all follow the order of the operations, as a disk that keeps it would; at
 * times each operation lands whole or not at all, so that of two large writes the later is there
 * without the earlier.
 */
function sample(open: readonly UnsyncedChange[], random: Random): Choose {
  const order = random.below(5)
  if (order === 0) return upTo(random.pick(open).operations.at(-1)!)
  if (order === 1) return someOf(open, random)
  const fair: Choose = ({ operations }) => random.below(operations.length)
  const few: Choose = (change) => (random.chance(0.1) ? newestOf(change) : 0)
  const most: Choose = (change) =>
    random.chance(0.1) ? random.below(change.operations.length) : newestOf(change)
  const rules = {
    name: random.pick([newestOf, newestOf, fair, most]),
    size: random.pick([newestOf, newestOf, fair, oldest]),
    sector: random.pick([newestOf, oldest, fair, few, most]),
  }
  return (change) => rules[change.kind](change)
}

function someOf(open: readonly UnsyncedChange[], random: Random): Choose {
  const all = new Set(open.flatMap(({ operations }) => operations.slice(1)))
  const landed = new Set([...all].filter(() => random.chance(0.5)))
  return ({ operations }) =>
    operations.findLastIndex((number, version) => version === 0 || landed.has(number))
}

function upTo(operation: number): Choose {
  return ({ operations }) => operations.findLastIndex((number) => number <= operation)
}
