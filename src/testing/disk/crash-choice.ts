/** What a power cut decides: of every change that was not synced, whether the disk has it. */
import { Random } from '../random.ts'

/**
 * A place on the disk whose content after a power cut is open. Its versions are numbered from 0,
 * what the last sync left there, to the newest. Names are decided first, then each file's size,
 * then its sectors below that size; what an earlier choice makes unreachable is not asked.
 */
export type UnsyncedChange = {
  /**
   * For each version, the number of the operation that made it: negative if that was before this
   * disk's first one (on a disk that `kill` made), −Infinity for version 0.
   */
  readonly operations: readonly number[]
  readonly path: string
} & (
  | { readonly kind: 'name'; readonly change: 'create' | 'makeDirectory' | 'rename' | 'link' | 'remove' }
  | { readonly kind: 'size' }
  | { readonly kind: 'sector'; readonly sector: number }
)

/** Decides one change: the number of the version that the disk has. */
export type Choose = (change: UnsyncedChange) => number

/**
 * Which of the unsynced changes a power cut leaves. `{ seed }` is a sample, equal for equal seeds;
 * an array answers the questions in their order, version 0 for those beyond its end.
 */
export type CrashChoice = 'nothing' | 'everything' | { readonly seed: number } | readonly number[] | Choose

const oldest: Choose = () => 0
const newest: Choose = ({ operations }) => operations.length - 1

/** `since` and `until`: the first and the last operation that any unsynced change goes back to. */
export function chooser(choice: CrashChoice, since: number, until: number): Choose {
  if (choice === 'nothing') return oldest
  if (choice === 'everything') return newest
  if (typeof choice === 'function') return choice
  if ('seed' in choice) return sample(choice.seed, since, until)
  let asked = 0
  return () => choice[asked++] ?? 0
}

/**
 * Fair coins alone would hardly ever lose just one sector, or keep just one, or cut at one point in
 * time: so four kinds of samples.
 */
function sample(seed: number, since: number, until: number): Choose {
  const random = new Random(seed)
  switch (random.below(4)) {
    case 0:
      return ({ operations }) => random.below(operations.length)
    case 1:
      return (change) => (random.chance(0.1) ? newest(change) : 0)
    case 2:
      return (change) => (random.chance(0.1) ? random.below(change.operations.length) : newest(change))
    default:
      return upTo(since + random.below(until - since + 1))
  }
}

/**
 * What was done up to one operation is there, and nothing later: as a disk that keeps the order
 * would leave it.
 */
function upTo(operation: number): Choose {
  return ({ operations }) => operations.findLastIndex((number) => number <= operation)
}

/**
 * Calls `build` with every combination of choices, one after the other, as an odometer counts.
 * `build` asks what it asks, perhaps depending on earlier answers.
 */
export function* everyChoice<T>(build: (choose: Choose) => T): Generator<{ result: T; choices: number[] }> {
  let start: number[] = []
  for (;;) {
    const choices: number[] = []
    const versions: number[] = []
    const result = build(({ operations }) => {
      const choice = start[choices.length] ?? 0
      choices.push(choice)
      versions.push(operations.length)
      return choice
    })
    yield { result, choices }
    let last = choices.length - 1
    while (last >= 0 && choices[last]! + 1 === versions[last]) last--
    if (last < 0) return
    start = choices.slice(0, last)
    start.push(choices[last]! + 1)
  }
}
