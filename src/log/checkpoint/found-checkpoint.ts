import type { CheckpointEntry } from '../../entry.ts'

/** A checkpoint as found in the log. */
export interface FoundCheckpoint {
  readonly seq: number
  readonly timestamp: number
  readonly entry: CheckpointEntry
}
