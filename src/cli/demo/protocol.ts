import type { WordSource } from './words.ts'

/**
 * What the demo's writing process tells its parent, a line each, written at once: `+INDEX` for an
 * acknowledged word, and these.
 */
export const CHECKPOINT_BEGINS = 'C'
export const CHECKPOINT_ENDS = 'D'
export const ALL_WRITTEN = 'END'

/** Appends that the writing process has under way at one time. */
export const IN_FLIGHT = 64

/** What the writing process is started with. */
export interface WriterTask {
  readonly directory: string
  readonly words: WordSource
  /** Take a checkpoint after so many acknowledged words of this run. */
  readonly checkpointAfter: number | undefined
}
