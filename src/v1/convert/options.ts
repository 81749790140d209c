import type { Disk } from '../../disk/disk.ts'
import type { OptionNames } from '../../option-names.ts'

export interface ConvertOptions {
  readonly from: string
  /** Must be empty, or missing, with its parents. It appears whole, or not at all. */
  readonly to: string
  /**
   * `'strict'` (default) refuses a damaged source; `'salvage'` converts what verifies or decodes.
   */
  readonly policy?: 'strict' | 'salvage'
  readonly signal?: AbortSignal
  readonly onProgress?: (records: number) => void
  readonly disk?: Disk
}

export const CONVERT_OPTIONS: OptionNames<ConvertOptions> = {
  from: true,
  to: true,
  policy: true,
  signal: true,
  onProgress: true,
  disk: true,
}

export interface ConvertReport {
  readonly records: number
  /**
   * Records that the other format does not know: v1 records kept as they are beside the log (to
   * v2), checkpoints left out (to v1).
   */
  readonly withoutCounterpart: number
  readonly damage: number
}
