/**
 * What the explorer is given: work on a disk, decided by a seed, and what must hold of whatever a
 * power cut leaves of it.
 */
import type { OperationHook } from '../../src/testing/disk/operations.ts'
import type { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import type { SimulatedDiskOptions } from '../../src/testing/disk/simulated-disk-options.ts'

export interface Workload {
  readonly name: string
  /** How many steps to do, for a test of reasonable length. */
  readonly steps: number
  /** Where many seeds are gone through, every how manieth it is given; 1 for all. */
  readonly everySeeds: number
  /** The work of one seed. Made anew for each run of it. */
  create(seed: number): Work
}

/** `Facts` is what the work lets be known; nobody else looks at it. */
export interface Work<Facts = unknown> {
  readonly disk?: Omit<SimulatedDiskOptions, 'seed'>
  /** Most states looked at for each power cut; see `explore`. */
  readonly statesPerCut?: number
  readonly onOperation?: OperationHook
  readonly prepare?: (disk: SimulatedDisk) => Promise<void>
  /**
   * Each step depends on the seed and its own number alone: some can be left out, and the others do
   * the same as before.
   */
  run(disk: SimulatedDisk, witness: (facts: Facts) => void, steps: readonly number[]): Promise<void>
  verify(disk: SimulatedDisk, facts: Facts | undefined, witness: (facts: Facts) => void): Promise<void>
}

/** What decides one step. */
export const seedOf = (seed: number, step: number): number => (seed ^ Math.imul(step + 1, 0x9e3779b1)) >>> 0

export const DIRECTORY = '/data/log'
