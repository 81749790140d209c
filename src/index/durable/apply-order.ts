import { poisonChannel } from '../../diagnostics.ts'
import { WalError } from '../../errors.ts'
import type { Unit } from './unit.ts'

/** What was handed to the log together. */
export type LoggedUnit = Pick<Unit, 'entries' | 'timestamp'>

/** What became of a change. */
export interface Applied {
  /** Where it took effect. */
  readonly seq: number
  /** Of a deletion that stands alone, whether its id was there, where only its place tells. */
  readonly existed?: boolean | undefined
  /** It has no effect, since it took effect before, under the same key: there. */
  readonly isRepeated?: boolean
}

/** How changes that were handed to the log take effect in the index, in the log's order. */
export interface ApplyOrder {
  /** Everything up to this sequence number that takes effect is applied. */
  readonly appliedSeq: number
  /** Why nothing more is applied. */
  readonly broken: WalError | undefined
  /** Whether nothing waits. */
  readonly isSettled: boolean
  /**
   * Resolves when the change is durable and applied. `logged` must have been handed to the log just
   * now. `leave` is called when the change is applied or refused, before the caller learns of it.
   */
  add(logged: Promise<number>, unit: LoggedUnit, leave: () => void): Promise<Applied>
  /**
   * Has this called whenever changes were applied, or refused, before their callers learn of it.
   */
  onApplied(call: () => void): void
  /** @throws WALV_POISONED if the engine has failed and no longer agrees with the log */
  needWhole(): void
  /** Resolves when nothing waits. */
  settled(): Promise<void>
  /** How far it is behind a log that others write. */
  readonly lag?: { readonly lagMs: number; readonly recordsBehind: number }
  /** Nothing more is applied: the log that it follows is closed. */
  readonly isOver?: boolean
  /** @throws WALV_READ_ONLY where nothing can be changed */
  needWritable?(): void
}

/** Says, and tells whoever listens, that an index failed to take what is durable. */
export function failedToApply(directory: string, seq: number, cause: unknown): WalError {
  const message = `Record ${seq} is durable but the index failed to take it: ${(cause as Error).message}. The index is not used any more; open it again to rebuild it from the log.`
  const error = new WalError('WALV_POISONED', message, { seq, fate: 'unknown', cause })
  if (poisonChannel.hasSubscribers) poisonChannel.publish({ directory, error })
  return error
}
