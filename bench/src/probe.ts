import { execFileSync } from 'node:child_process'

/**
 * How quick the machine is at the moment: work that is always the same, done by the runner before
 * each measurement.
 */
export interface Probe {
  /** Arithmetic in registers. Longer: others compete for the processor, or it is clocked down. */
  readonly spinMs: number
  /** Memory. Longer: the system, or the one below it, is slow to find pages. */
  readonly touchMs: number
}

const SPIN_TURNS = 20_000_000
const PIECE_BYTES = 64 * 1024 * 1024

/**
 * `touchedBytes` are taken from the system, used and given back by a process of their own. On a
 * virtual machine whose memory is dear when it is new, the measurement that follows then finds
 * memory that the machine has, as it does on one that has been up for a while; else whoever comes
 * after a pause pays for all.
 */
export function probe(touchedBytes: number): Probe {
  const start = performance.now()
  spin()
  const spun = performance.now()
  const pieces = Math.ceil(touchedBytes / PIECE_BYTES)
  const touch = `const held = Array.from({ length: ${pieces} }, () => Buffer.alloc(${PIECE_BYTES}, 1))`
  execFileSync(process.execPath, ['-e', touch])
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
