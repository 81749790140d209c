/**
 * The one error class of walv and its stable codes. A code never changes its meaning between
 * releases; messages may. Every code is explained in `docs/errors.md`.
 */
export type WalErrorCode =
  | 'WALV_INVALID_OPTION'
  | 'WALV_INVALID_ENTRY'
  | 'WALV_INVALID_ID'
  | 'WALV_INVALID_VECTOR'
  | 'WALV_INVALID_METADATA'
  | 'WALV_LIMIT'
  | 'WALV_DUPLICATE_ID'
  | 'WALV_NOT_FOUND'
  | 'WALV_CONFLICT'
  | 'WALV_CLOSED'
  | 'WALV_READ_ONLY'
  | 'WALV_LOCKED'
  | 'WALV_LOCK_UNAVAILABLE'
  | 'WALV_LOCK_LOST'
  | 'WALV_POISONED'
  | 'WALV_IO'
  | 'WALV_DISK_FULL'
  | 'WALV_BACKPRESSURE'
  | 'WALV_DAMAGED'
  | 'WALV_NO_DIRECTORY'
  | 'WALV_NOT_A_DIRECTORY'
  | 'WALV_NOT_A_FILE'
  | 'WALV_PERMISSION'
  | 'WALV_UNSUPPORTED_VERSION'
  | 'WALV_UNSUPPORTED_FEATURE'
  | 'WALV_FOREIGN_LOG'
  | 'WALV_V1_DIRECTORY'
  | 'WALV_SEQUENCE_TRIMMED'
  | 'WALV_SEQUENCE_EXHAUSTED'
  | 'WALV_TRANSACTION_ENDED'
  | 'WALV_CHECKPOINT'
  | 'WALV_INDEX_MISMATCH'
  | 'WALV_ENGINE'
  | 'WALV_ABORTED'
  | 'WALV_INVALID_FILE'
  | 'WALV_UNAVAILABLE'
  | 'WALV_DIVERGED'
  | 'WALV_USAGE'

/** What an error knows about where and what, beside its sentence. */
export interface WalErrorDetails {
  /** The file concerned, as a path. */
  readonly file?: string
  /** Byte offset within `file`. */
  readonly offset?: number
  /** Sequence number concerned. With `fate: 'unknown'`, the one to look for after reopening. */
  readonly seq?: number
  /** Entry id concerned. */
  readonly id?: string
  /**
   * What became of a rejected append: `not-logged` means it will never be visible; `unknown` means
   * that it may or may not be in the log after reopening, at `seq`.
   */
  readonly fate?: 'not-logged' | 'unknown'
  /** What the code carries beside: a damage list, a lock holder. */
  readonly detail?: unknown
  readonly cause?: unknown
}

/**
 * Thrown for everything that walv itself refuses or finds. Tell errors apart by `code`, never by
 * the text.
 */
export class WalError extends Error {
  readonly code: WalErrorCode
  readonly file: string | undefined
  readonly offset: number | undefined
  readonly seq: number | undefined
  readonly id: string | undefined
  readonly fate: 'not-logged' | 'unknown' | undefined
  readonly detail: unknown

  constructor(code: WalErrorCode, message: string, details: WalErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.name = 'WalError'
    this.code = code
    this.file = details.file
    this.offset = details.offset
    this.seq = details.seq
    this.id = details.id
    this.fate = details.fate
    this.detail = details.detail
  }
}

/** An invariant of walv itself: a failure here is a bug, not an input. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`walv internal error (please report it): ${message}`)
}
