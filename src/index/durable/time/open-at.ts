import { resolve } from 'node:path'
import { checkMoment, type Moment } from '../../../log/moment.ts'
import type { WalOptions } from '../../../log/options.ts'
import { checkOptions, type OptionNames } from '../../../option-names.ts'
import { openRestored, type Restored } from '../restore.ts'
import type { IndexOptions } from '../types.ts'

/** An index as it was. */
export interface OpenAtOptions
  extends Pick<IndexOptions, 'index' | 'model'>,
    Pick<WalOptions, 'directory' | 'recovery' | 'onProgress' | 'signal' | 'disk' | 'clock'> {}

const OPEN_AT_OPTIONS: OptionNames<OpenAtOptions & Moment> = {
  directory: true,
  index: true,
  model: true,
  seq: true,
  time: true,
  recovery: true,
  onProgress: true,
  signal: true,
  disk: true,
  clock: true,
}

/** What opening at a moment is made of. */
export interface OpeningAt {
  readonly options: Pick<IndexOptions, 'index' | 'model'>
  readonly place: { readonly directory: string; readonly readOnly: true }
  restore(): Promise<Restored>
}

/** @throws WALV_INVALID_OPTION */
export function openingAt(options: OpenAtOptions & Moment): OpeningAt {
  checkOptions('DurableIndex.openAt', options, OPEN_AT_OPTIONS)
  const { index, model, seq, time, ...walOptions } = options
  const until = checkMoment('DurableIndex.openAt', { seq, time } as Moment)
  return {
    options: { index, ...(model !== undefined && { model }) },
    place: { directory: resolve(String(options.directory)), readOnly: true },
    restore: () => openRestored({ ...walOptions, readOnly: true }, index, model, { until }),
  }
}
