/** The beginning of a stretch, what begins where that ends, and a leap over many such steps. */
interface Link {
  readonly from: bigint
  /** Steps to the end of the chain. */
  readonly steps: number
  readonly next: Link | undefined
  readonly leap: Link | undefined
}

/**
 * Stretches that lead on from one to another, without a gap between them. Where several begin with
 * one number, the last of them counts.
 */
export class Chains {
  readonly #stretches: readonly Stretch[]
  #links: ReadonlyMap<bigint, Link> | undefined

  constructor(stretches: readonly Stretch[]) {
    this.#stretches = stretches
  }

  /**
   * Whether those from `start` on lead to `goal`, where one begins that is behind it or the same.
   */
  lead(start: bigint, goal: bigint): boolean {
    this.#links ??= linked(this.#stretches)
    let link = this.#links.get(start)
    while (link && link.from < goal) link = link.leap && link.leap.from <= goal ? link.leap : link.next
    return link?.from === goal
  }
}

/**
 * A leap is as long as two equal ones before it taken together, or else one step: so any place of a
 * chain is reached in log n of them.
 */
function linked(stretches: readonly Stretch[]): Map<bigint, Link> {
  const ends = new Map(stretches.map(({ from, through }) => [from, through]))
  const links = new Map<bigint, Link>()
  for (const [from, through] of [...ends].sort(([a], [b]) => (a > b ? -1 : 1))) {
    const next = links.get(through + 1n)
    const over = next?.leap
    const isDouble = next && over && next.steps - over.steps === over.steps - (over.leap?.steps ?? -1)
    links.set(from, { from, steps: next ? next.steps + 1 : 0, next, leap: isDouble ? over.leap : next })
  }
  return links
}

/** From a section's first number to its last. */
export interface Stretch {
  readonly from: bigint
  readonly through: bigint
}
