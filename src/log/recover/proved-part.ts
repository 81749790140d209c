/**
 * The beginning of a log that need not be read. Who has followed a log and is to write it has read
 * and verified it, and proves what comes behind. Of who shows a moment a snapshot has the effect.
 */
import type { LiveSegment } from './segment-chain.ts'
import type { Tally } from './tally.ts'

/**
 * A watermark covers every record in it, so that it stays the beginning of the log, whoever writes
 * next. None of them is lost.
 */
export interface ProvedPart {
  /** All records with a smaller number are in it, and nothing else. */
  readonly before: number
  /** Where the record of that number was found. */
  readonly segment: number
  readonly offset: number
  /** Of all that was read: it counts what retention has let go of since, too. */
  readonly tally: Tally
}

/** The same of a log that is known. */
export interface ProvedLog extends ProvedPart {
  readonly logId: Buffer
}

/** The segments of a log, of which not all have to be read. */
export interface Division {
  /** They hold records of the part that is proved alone. */
  readonly passed: readonly LiveSegment[]
  /** The first with the place to begin at, if it is known. */
  readonly read: readonly LiveSegment[]
}

/**
 * Undefined where the log is not seen to go on from what was proved: a file before it is missing or
 * was cut, or its header does not verify.
 */
export function divide(
  segments: readonly LiveSegment[],
  { before, segment, offset }: ProvedPart,
): Division | undefined {
  const first = segments.findIndex(({ supersededFrom }) => supersededFrom > before)
  const [holding, ...behind] = segments.slice(Math.max(0, first))
  const passed = segments.slice(0, Math.max(0, first))
  if (!holding || !(holding.firstSeq <= before) || !passed.every(isSealed)) return undefined
  const place = holding.number === segment && { marks: [{ seq: before, offset }] }
  return { passed, read: [{ ...holding, ...place }, ...behind] }
}

const isSealed = ({ headerValid, badCopies, openEnded, bytes, capacity }: LiveSegment): boolean =>
  headerValid && badCopies.length === 0 && !openEnded && bytes >= capacity

/** Finds how far a log is proved while it is read: at some of its records. */
export class Proving {
  #proved: ProvedPart | undefined
  /** Becomes the part that is proved when a watermark covers all of it. */
  #next: ProvedPart | undefined

  constructor(proved: ProvedPart | undefined) {
    this.#proved = proved
  }

  get proved(): ProvedPart | undefined {
    return this.#proved
  }

  /** A record stands there, and everything before it was verified and counted. */
  add(part: ProvedPart): void {
    this.#next ??= part
  }

  covered(durableBefore: number): void {
    if (this.#next === undefined || this.#next.before > durableBefore) return
    this.#proved = this.#next
    this.#next = undefined
  }
}
