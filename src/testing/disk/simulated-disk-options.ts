import type { OptionNames } from '../../option-names.ts'

/** How a simulated disk is made. */
export interface SimulatedDiskOptions {
  /**
   * Decides all that is left to chance: the order of directory listings, latencies, the samples of
   * `crashStates`. Default 1.
   */
  readonly seed?: number
  /** See `SimulatedDisk.quotaBytes`. */
  readonly quotaBytes?: number
  /** See `SimulatedDisk.maxLatencyTurns`. */
  readonly maxLatencyTurns?: number
}

export const SIMULATED_DISK_OPTIONS: OptionNames<SimulatedDiskOptions> = {
  seed: true,
  quotaBytes: true,
  maxLatencyTurns: true,
}
