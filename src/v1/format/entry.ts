/**
 * The vocabulary of format v1. Numbers that have 64 bits on disk are bigints, because v1 uses all
 * of them. Timestamps are what the writer gave: whole seconds since the epoch in the original.
 */

export interface V1DataEntry {
  readonly type: 'insert' | 'update'
  readonly id: string
  /** Any count of elements, kept bit for bit, NaN payloads included. */
  readonly vector: Float32Array
  /**
   * In the order in which the keys first appear on disk; of a repeated key the last value holds.
   */
  readonly metadata: ReadonlyMap<string, string> | null
  readonly timestamp: bigint
}

export interface V1DeleteEntry {
  readonly type: 'delete'
  readonly id: string
  readonly timestamp: bigint
}

/** Several entries of any kind under one sequence number. */
export interface V1BatchEntry {
  readonly type: 'batch'
  readonly entries: readonly V1Entry[]
  readonly timestamp: bigint
}

/**
 * Says that everything up to `sequenceNumber` is stored elsewhere. It names no snapshot, so nothing
 * may rely on it.
 */
export interface V1CheckpointEntry {
  readonly type: 'checkpoint'
  readonly sequenceNumber: bigint
  readonly timestamp: bigint
}

/**
 * The entries of a transaction carry no id of it: they are told by standing between its markers.
 */
export interface V1TransactionEntry {
  readonly type: 'beginTransaction' | 'commitTransaction' | 'abortTransaction'
  readonly transactionId: bigint
  readonly timestamp: bigint
}

export type V1Entry = V1DataEntry | V1DeleteEntry | V1BatchEntry | V1CheckpointEntry | V1TransactionEntry

/** The kinds in the order of their numbers on disk. */
export const V1_VARIANTS: readonly V1Entry['type'][] = [
  'insert',
  'update',
  'delete',
  'batch',
  'checkpoint',
  'beginTransaction',
  'commitTransaction',
  'abortTransaction',
]

/** An entry at its place on disk. */
export interface V1Record {
  /** As on disk: not necessarily ascending, unique or dense. */
  readonly seq: bigint
  readonly entry: V1Entry
  /** File name relative to the directory. */
  readonly file: string
  /** Of the record's 12-byte frame, from the start of the file. */
  readonly offset: number
  /**
   * What stands behind the frame, `trailingBytes` included: a copy of the reader's that the caller
   * may keep.
   */
  readonly payload: Uint8Array
  /** Bytes of the payload behind the encoded entry, which v1 ignores. */
  readonly trailingBytes: number
}

/**
 * Deepest nesting of batches that is read or written: 1 is a batch that holds no batch. The
 * original has no limit and overflows its stack.
 */
export const MAX_V1_BATCH_NESTING = 64
/**
 * Most entries in batches and pairs of metadata, taken together, in one record. The smallest take 3
 * and 2 bytes on disk but a hundred times that in memory, so that without a limit a crafted record
 * of 100 MB would exhaust it.
 */
export const MAX_V1_ITEMS = 1_000_000
/** Longest payload: the original drops a longer one, and everything behind it in its file. */
export const MAX_V1_PAYLOAD_BYTES = 100_000_000
/** Largest value of every v1 integer. */
export const MAX_V1_INTEGER: bigint = 2n ** 64n - 1n
