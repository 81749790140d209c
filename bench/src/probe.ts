/** How quick the machine is at the moment: work that is always the same, done by the runner before each measurement. */
export interface Probe {
  /** Arithmetic in registers. Longer: others compete for the processor, or it is clocked down. */
  readonly spinMs: number
  /** Memory that was never used. Longer: the system, or the one below it, is slow to find pages. */
  readonly touchMs: number
}

const SPIN_TURNS = 20_000_000
const TOUCHED_BYTES = 32 * 1024 * 1024

export function probe(): Probe {
  const start = performance.now()
  spin()
  const spun = performance.now()
  Buffer.allocUnsafeSlow(TOUCHED_BYTES).fill(1)
  return { spinMs: spun - start, touchMs: performance.now() - spun }
}

function spin(): number {
  let state = 1
  for (let turn = 0; turn < SPIN_TURNS; turn++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
  }
  return state
}
