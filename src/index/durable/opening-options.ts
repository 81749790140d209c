import { WalError } from '../../errors.ts'
import { isToOpen, type Log, type LogToOpen } from '../../log/log.ts'
import { wholeNumber } from '../../log/options.ts'
import type { VectorIndex } from '../vector-index.ts'
import { checkModel } from './check-model.ts'
import type { CheckpointRules } from './checkpointing.ts'
import { checkSchema } from './metadata-schema.ts'
import type { IndexOptions } from './types.ts'

/** The index objects that a directory was opened with: what two logs fill is of neither. */
const TAKEN = new WeakSet<VectorIndex>()

/** @throws WALV_INVALID_OPTION */
export function checkLog(log: Log | LogToOpen): Log | LogToOpen {
  if (isToOpen(log) || isOpenLog(log)) return log
  throw new WalError('WALV_INVALID_OPTION', 'The option log must be an open log, for example a Wal.')
}

const isOpenLog = (log: Partial<Log> | null | undefined): boolean =>
  typeof log?.submit === 'function' && typeof log.replay === 'function'

/**
 * Returns when to take a checkpoint by itself.
 * @throws WALV_INVALID_OPTION
 */
export function checkIndexOptions<Metadata, Input>({
  index,
  model,
  metadataSchema,
  checkpointIntervalEntries: interval = 'auto',
  recoveryBudgetMs,
}: IndexOptions<Metadata, Input>): CheckpointRules {
  checkSchema(metadataSchema)
  if (typeof index?.set !== 'function')
    throw new WalError(
      'WALV_INVALID_OPTION',
      'The option index must be a vector index, for example flat({ dimensions: 100 }).',
    )
  if (index.size !== 0)
    throw new WalError(
      'WALV_INVALID_OPTION',
      'The option index must be an empty index: what it is to hold comes from the directory.',
    )
  if (model !== undefined) checkModel(model)
  return {
    interval:
      interval === 'auto' || interval === false
        ? interval
        : wholeNumber('checkpointIntervalEntries', interval, 1),
    ...(recoveryBudgetMs !== undefined && {
      recoveryBudgetMs: wholeNumber('recoveryBudgetMs', recoveryBudgetMs, 1),
    }),
  }
}

/** @throws WALV_INVALID_OPTION */
export function takeIndex(index: VectorIndex): void {
  if (TAKEN.has(index))
    throw new WalError(
      'WALV_INVALID_OPTION',
      'The option index is an index object that a directory was opened with already. Make a new one for each opening.',
    )
  TAKEN.add(index)
}

/** Of an opening that failed. */
export const giveIndexBack = (index: VectorIndex): void => void TAKEN.delete(index)
