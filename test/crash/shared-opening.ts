/** An index that several processes share, as they open it, and what they have in common. */
import assert from 'node:assert/strict'
import { type Disk, DurableIndex, type DurableIndexOptions, flat } from '../../src/mod.ts'
import type { Present } from './shared-facts.ts'
import { timeNow } from './virtual-time.ts'
import { DIRECTORY } from './workload.ts'

/** How long they may take to come to the same state. */
const CALM_MS = 3_000

/** Some let go of what is behind a checkpoint. */
export interface Keeping {
  readonly checkpointRetention: number
}

export const openIndex = (
  disk: Disk,
  keeping: Keeping,
  role: NonNullable<DurableIndexOptions['role']>,
): Promise<DurableIndex> =>
  DurableIndex.open({
    directory: DIRECTORY,
    disk,
    clock: timeNow,
    index: flat({ dimensions: 2 }),
    checkpointIntervalEntries: false,
    segmentMaxBytes: 64 * 1024,
    share: true,
    role,
    ...keeping,
  })

export async function needSame(indexes: readonly DurableIndex[]): Promise<void> {
  await Promise.all(indexes.map((index) => index.flush()))
  const states = (): Set<string> => new Set(indexes.map((index) => index.fingerprint()))
  for (let patience = CALM_MS / 10; states().size > 1; patience--) {
    const sizes = indexes.map(({ size, role }) => `${role} with ${size} ids`)
    assert.ok(patience > 0, `the processes do not come to the same state: ${sizes.join(', ')}`)
    await delay(10)
  }
}

export const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export const presentIn = (index: DurableIndex): Present =>
  new Map([...index.ids()].map((id) => [id, (index.get(id)!.metadata as { value: number }).value]))
