import type { JsonValue } from '../../entry.ts'

/** What one opening had to do, and how long each part took. */
export interface MeasuredOpening {
  /** All of it, without waiting for the lock. */
  readonly ms: number
  /** Of the log that is kept, which is read and verified. */
  readonly logBytes: number
  readonly logMs: number
  /** Of the snapshot; 0 without one. */
  readonly snapshotBytes: number
  readonly snapshotMs: number
  /** Replayed; the members of batches and transactions count each. */
  readonly changes: number
  readonly replayMs: number
  /** The part of it in which the index applied them. */
  readonly applyMs: number
}

/** So many changes took so many milliseconds, counted from the first. */
export type Point = readonly [changes: number, ms: number]

/** What the next opening would have to do. */
export interface OpeningAmounts {
  readonly logBytes: number
  readonly snapshotBytes: number
  /** Vectors in the snapshot. */
  readonly snapshotVectors: number
  readonly changes: number
}

/** Less says nothing of what more would take: it is over before the code is warm. */
const LEAST_CHANGES = 1_000
const LEAST_BYTES = 1024 * 1024
/** A change may take so many times as long to be applied as those that an opening replayed. */
const APPLYING_GROWTH = 1.5
/** The next point of a curve is so much further. */
const POINT_GROWTH = 1.2
/** So many openings before this one are remembered. */
const REMEMBERED = 4

/**
 * What an opening takes, predicted from what was measured. It begins with this process's own
 * opening, which ran as cold as the next one will, and adds what has changed since: more or fewer
 * changes to replay, a larger log, another snapshot. What changes cost is measured while they are
 * applied, from the first that this process applied, so that it is known what the first thousands
 * take while the code is cold. What nothing was measured of is taken from the openings before this
 * process, which checkpoints tell of.
 */
export class RecoveryCost {
  readonly own: MeasuredOpening
  readonly #earlier: readonly MeasuredOpening[]
  /** Of replaying, in this process's opening: ascending, up to all that it replayed. */
  readonly #replayed: readonly Point[]
  /** Of applying, in this process: replayed first, and then as they came. */
  readonly #applied: Point[]
  #nextPoint = 0
  /** What reading a change took when it was tried; undefined where it was not. */
  #triedReading: number | undefined

  constructor(own: MeasuredOpening, replayed: readonly Point[], earlier: readonly MeasuredOpening[] = []) {
    this.own = own
    this.#earlier = earlier
    this.#replayed = [...replayed.filter(([changes]) => changes < own.changes), [own.changes, own.replayMs]]
    this.#applied = [[own.changes, own.applyMs]]
  }

  /** What applying everything took since the process began, called whenever more was applied. */
  noteApplied(changes: number, applyMs: number): void {
    if (changes < this.#nextPoint) return
    if (changes > this.#applied.at(-1)![0]) this.#applied.push([changes, applyMs])
    this.#nextPoint = Math.max(changes + 1, Math.ceil(changes * POINT_GROWTH))
  }

  /** Whether reading changes back from the log was measured, here or before. */
  get knowsReading(): boolean {
    return this.#readingMs !== undefined
  }

  noteReading(changes: number, ms: number): void {
    this.#triedReading = ms / changes
  }

  /** Whether loading a snapshot was measured, here or before. */
  get knowsLoading(): boolean {
    return this.#loadingMs !== undefined
  }

  /** What replaying so many changes would take a process that begins with them. */
  replayMs(changes: number): number {
    const { own } = this
    if (changes <= own.changes) return at(this.#replayed, changes)
    const applying = Math.min(at(this.#applied, changes) - own.applyMs, this.#mostApplying(changes))
    return own.replayMs + applying + (changes - own.changes) * (this.#readingMs ?? 0)
  }

  /**
   * Beside what else a process does, a change that others interrupt takes many times as long. It
   * is not taken for more than those that the opening applied while the code was new, and half as
   * much again.
   */
  #mostApplying(changes: number): number {
    const { own } = this
    if (own.changes < LEAST_CHANGES) return Number.POSITIVE_INFINITY
    return (APPLYING_GROWTH * own.applyMs * (changes - own.changes)) / own.changes
  }

  /**
   * What an opening would take that has so much to do. Each opening has its own luck with the
   * machine: those before are predicted as well, and what the middle one of all took of what was
   * predicted is what this one is to take. One that was very slow has no more say than the others.
   */
  openingMs(amounts: OpeningAmounts): number {
    // What so many changes take this process may not know yet.
    const reach = this.#applied.at(-1)![0]
    const known = this.#earlier.filter(({ changes }) => changes <= reach)
    const luck = known.map((opening) => {
      const predicted = this.#byOwn({ ...opening, snapshotVectors: 0 })
      return predicted === 0 ? 1 : Math.min(2, Math.max(0.5, opening.ms / predicted))
    })
    return this.#byOwn(amounts) * median([1, ...luck])
  }

  #byOwn({ logBytes, snapshotBytes, snapshotVectors, changes }: OpeningAmounts): number {
    const { own } = this
    const replay = this.replayMs(changes) - own.replayMs
    const log = (logBytes - own.logBytes) * (this.#logMs ?? 0)
    const loading = this.#loadingMs
    // One that nobody has loaded yet is taken for as many changes.
    const snapshot =
      loading === undefined
        ? snapshotBytes > 0
          ? this.replayMs(snapshotVectors)
          : 0
        : (snapshotBytes - own.snapshotBytes) * loading
    const fixed = Math.max(0, own.ms - own.replayMs - own.logMs - own.snapshotMs)
    return Math.max(fixed, own.ms + replay + log + snapshot)
  }

  /** What a checkpoint is to tell those who open it. */
  get kept(): JsonValue {
    const { ms, logBytes, logMs, snapshotBytes, snapshotMs, changes, replayMs, applyMs } = this.own
    const own = { ms, logBytes, logMs, snapshotBytes, snapshotMs, changes, replayMs, applyMs }
    return [own, ...this.#earlier].slice(0, REMEMBERED).map((opening) => rounded(opening))
  }

  /** Milliseconds for each further byte of the log. */
  get #logMs(): number | undefined {
    const read = this.#readingMs
    const slope = this.#slope(LEAST_BYTES, ({ logBytes, logMs }) => [logBytes, logMs])
    if (slope !== undefined || read === undefined) return slope
    // Reading and verifying is a part of reading it back.
    const { logBytes, changes } = this.own
    return changes === 0 || logBytes === 0 ? undefined : (read * changes) / logBytes
  }

  /** For each further byte of the snapshot. */
  get #loadingMs(): number | undefined {
    return this.#slope(LEAST_BYTES, ({ snapshotBytes, snapshotMs }) => [snapshotBytes, snapshotMs])
  }

  /** For each further change, beside applying it. */
  get #readingMs(): number | undefined {
    const slope = this.#slope(LEAST_CHANGES, ({ changes, replayMs, applyMs }) => [
      changes,
      Math.max(0, replayMs - applyMs),
    ])
    return slope ?? this.#triedReading
  }

  /**
   * What each further piece takes: between the smallest and the largest openings, where they differ
   * enough, for what does not depend on the amount is in both.
   */
  #slope(least: number, of: (opening: MeasuredOpening) => Point): number | undefined {
    const points = [this.own, ...this.#earlier].map(of).filter(([amount]) => amount > 0)
    const largest = Math.max(0, ...points.map(([amount]) => amount))
    if (largest < least) return undefined
    const [amount, ms] = middle(points.filter(([amount]) => amount > largest / 2))
    const small = points.filter(([less]) => less <= amount / 4)
    if (small.length === 0) return ms / amount
    const [smallAmount, smallMs] = middle(small)
    return Math.min(Math.max(0, ms - smallMs) / (amount - smallAmount), ms / amount)
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

const middle = (points: readonly Point[]): Point => [
  points.reduce((sum, [amount]) => sum + amount, 0) / points.length,
  points.reduce((sum, [, ms]) => sum + ms, 0) / points.length,
]

/** Between the points, and beyond the last as steep as before it. */
function at(points: readonly Point[], changes: number): number {
  let before: Point = [0, 0]
  for (const [index, point] of points.entries()) {
    if (changes <= point[0] || index === points.length - 1) return along(before, point, changes)
    before = point
  }
  return 0
}

function along([fromChanges, fromMs]: Point, [changes, ms]: Point, at: number): number {
  return changes === fromChanges ? ms : ms + ((at - changes) * (ms - fromMs)) / (changes - fromChanges)
}

const MEMBERS = [
  'ms',
  'logBytes',
  'logMs',
  'snapshotBytes',
  'snapshotMs',
  'changes',
  'replayMs',
  'applyMs',
] as const

const rounded = (opening: MeasuredOpening): { [name: string]: number } =>
  Object.fromEntries(MEMBERS.map((name) => [name, Math.round(opening[name] * 10) / 10]))

/**
 * What an opening would take, told from those that a checkpoint tells of; undefined where it tells
 * of none. Less exact than what a process knows that has applied the changes itself.
 */
export function predictedBy(kept: JsonValue | undefined, amounts: OpeningAmounts): number | undefined {
  const openings = openingsIn(kept).sort((a, b) => b.changes - a.changes)
  const [most, ...others] = openings
  return most && new RecoveryCost(most, [], others).openingMs(amounts)
}

/** What a checkpoint tells of openings before it; nothing where it does not, or not in this way. */
export function openingsIn(kept: JsonValue | undefined): MeasuredOpening[] {
  if (!Array.isArray(kept)) return []
  return kept.filter((each): each is JsonValue & MeasuredOpening =>
    MEMBERS.every((name) => {
      const value = (each as { readonly [name: string]: JsonValue } | null)?.[name]
      return typeof value === 'number' && value >= 0
    }),
  )
}
