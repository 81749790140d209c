/** An index with options drawn by a seed, and values for it. */
import { type Disk, type Durability, DurableIndex, flat } from '../../src/mod.ts'
import { Random } from '../../src/testing/random.ts'
import type { Value } from './index-model.ts'
import { timeNow } from './virtual-time.ts'
import { DIRECTORY } from './workload.ts'

export interface Settings {
  readonly durability: Durability
  readonly dimensions: number
  readonly segmentMaxBytes: number
  readonly maxPendingBytes: number
  readonly checkpointRetention: number
  readonly checkpointIntervalEntries: number | 'auto' | false
  /** Metadata is so long at most: long ones fill what a reader holds at a time. */
  readonly maxTextLength: number
}

export function settingsOf(seed: number): Settings {
  const random = new Random(seed)
  const isLarge = random.chance(0.4)
  return {
    durability: random.pick(['commit', 'commit', { intervalMs: 20 }, 'os']),
    dimensions: random.pick([1, 4, 300]),
    segmentMaxBytes: isLarge ? 16 * 1024 * 1024 : 64 * 1024,
    maxPendingBytes: random.pick([16 * 1024, 64 * 1024 * 1024]),
    checkpointRetention: random.pick([1, 2]),
    checkpointIntervalEntries: random.pick([5, 20, false, 'auto']),
    maxTextLength: isLarge ? 200_000 : 3_000,
  }
}

export const openIndex = (
  disk: Disk,
  { maxTextLength: _, dimensions, ...options }: Settings,
  readOnly = false,
): Promise<DurableIndex> =>
  DurableIndex.open({
    directory: DIRECTORY,
    disk,
    readOnly,
    clock: timeNow,
    index: flat({ dimensions }),
    ...options,
  })

export const numbered = (number: number, dimensions: number, text: string): Value => ({
  vector: new Float32Array(dimensions).fill(number),
  metadata: JSON.stringify({ number, text }),
})
