/** The vocabulary of the log: what an entry, a record, a transaction and a sequence number are. */

/**
 * What JSON can hold. `undefined` members of objects are dropped, as `JSON.stringify` does;
 * anything else JSON cannot hold is refused.
 */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined }

/**
 * `cosine`: 1 − cosine similarity; `l2`: squared Euclidean distance; `ip`: 1 − inner product.
 * Smaller is nearer.
 */
export type Metric = 'cosine' | 'l2' | 'ip'

/** What vectors a log holds. The engine that searches them is no part of it. */
export interface IndexIdentity {
  readonly dimensions: number
  readonly metric: Metric
  /** How an element of a vector is stored: as binary32. */
  readonly elementType: 'f32'
  /** The embedding model that the vectors are of, where it was given. */
  readonly model?: string
}

/**
 * A new id with its vector. Applied to an index that has the id already it changes nothing, unless
 * `replace` is set.
 */
export interface InsertEntry<V = Float32Array, M = JsonValue> {
  readonly type: 'insert'
  readonly id: string
  /** 0 to 65 535 float32 elements, kept bit for bit. */
  readonly vector: V
  /** `null` is the same as none. */
  readonly metadata?: M
  /** An upsert: replaces vector and metadata where the id exists. */
  readonly replace?: boolean
}

/**
 * A change of an existing id. What is absent stays as it is; `metadata: null` clears the metadata.
 */
export interface UpdateEntry<V = Float32Array, M = JsonValue> {
  readonly type: 'update'
  readonly id: string
  readonly vector?: V
  readonly metadata?: M
}

/** The end of an id. */
export interface DeleteEntry {
  readonly type: 'delete'
  readonly id: string
}

/** Bytes of the user's own, which an index ignores. */
export interface CustomEntry {
  readonly type: 'custom'
  /**
   * Names what `data` is; 1 to 255 bytes of UTF-8. Kinds that begin with `walv.` are walv's own.
   */
  readonly kind: string
  readonly data: Uint8Array
}

/** Several entries that appear whole or not at all, in their order. */
export interface BatchEntry<V = Float32Array> {
  readonly type: 'batch'
  readonly entries: readonly BatchMember<V>[]
}

export type DataEntry<V = Float32Array> = InsertEntry<V> | UpdateEntry<V> | DeleteEntry
export type BatchMember<V = Float32Array> = DataEntry<V> | CustomEntry | BatchEntry<V>

/** A vector as it may be given. Numbers are rounded to float32. */
export type VectorInput = Float32Array | readonly number[]
/** What a user may append. */
export type EntryInput = BatchMember<VectorInput>

/** One file of a snapshot. */
export interface SnapshotFile {
  readonly name: string
  readonly bytes: number
  /** SHA-256 of the content, in hexadecimal. */
  readonly sha256: string
}

/** A snapshot as its checkpoint names it. */
export interface SnapshotReference {
  /** Name of the snapshot's folder within `snapshots/`. */
  readonly name: string
  readonly files: readonly SnapshotFile[]
  /** What the writer of the snapshot wants to find again with it. */
  readonly info: JsonValue
}

/**
 * Says that a durable snapshot holds the effect of everything up to and including `sequenceNumber`.
 */
export interface CheckpointEntry {
  readonly type: 'checkpoint'
  readonly sequenceNumber: number
  /**
   * First sequence number that a replay on top of the snapshot must read: the begin of the oldest
   * transaction then open, or `sequenceNumber + 1`.
   */
  readonly replayFrom: number
  /**
   * `null`: a checkpoint taken over from another format, which names no snapshot. Nothing relies on
   * it.
   */
  readonly snapshot: SnapshotReference | null
}

/**
 * A transaction's markers. The id is the sequence number of its `beginTransaction` record; the
 * record carries it.
 */
export interface TransactionMarker {
  readonly type: 'beginTransaction' | 'prepareTransaction' | 'commitTransaction' | 'abortTransaction'
}

/** Written by a repair in the place of records that are lost, so that the log keeps saying so. */
export interface GapEntry {
  readonly type: 'gap'
  /** The record's own sequence number is the first lost one; this is the last. */
  readonly throughSeq: number
}

export type WalEntry = BatchMember | CheckpointEntry | TransactionMarker | GapEntry

/** Who handed a change over to a log that several processes write. */
export interface Origin {
  /** 16 random bytes in hexadecimal, new each time that a process opens the log. */
  readonly process: string
  /** Which of that process's changes it is: each has a larger number than the one before. */
  readonly number: number
}

/** An entry at its place in the log. */
export interface WalRecord {
  /** The place in the one order of the log: dense, from 0. */
  readonly seq: number
  /** Milliseconds since the epoch, never decreasing within a log. Informative only. */
  readonly timestamp: number
  readonly entry: WalEntry
  /** Set on a transaction's markers and on the entries that belong to it. */
  readonly transactionId?: number
  /**
   * Set where several processes write: on the commit of a transaction, and on what stands alone.
   */
  readonly origin?: Origin
}

/** Several records are lost or unusable, or some bytes are; one place in one file. */
export interface Damage {
  /**
   * `torn-tail`: the end of the log, cut short while it was written and never promised; `corrupt`:
   * bytes that do not verify; `unreadable`: sectors that the disk cannot read, now;
   * `missing-segment`: a file of the log that is not there; `truncated`: a file shorter than it was
   * made; `segment-header`: a segment's header that does not verify; `torn-creation`: a file whose
   * creation did not finish; `snapshot`: a snapshot that does not verify; `foreign`: something that
   * is not part of this log, left alone; `order`: a record out of order; `passed-over`: a loss that
   * an earlier opening with `'salvage'` passed over, and that nobody has accepted.
   */
  readonly kind:
    | 'torn-tail'
    | 'corrupt'
    | 'unreadable'
    | 'missing-segment'
    | 'truncated'
    | 'segment-header'
    | 'torn-creation'
    | 'snapshot'
    | 'foreign'
    | 'order'
    | 'passed-over'
  /** File name relative to the directory. */
  readonly file: string
  readonly offset: number
  readonly bytes: number
  /** Whether records that were acknowledged are lost here: `null` where that cannot be known. */
  readonly acknowledged: boolean | null
  /**
   * The sequence numbers lost, as inclusive ranges; empty if nothing is lost. Bigint where the
   * format has 64 bits (v1).
   */
  readonly seqs: readonly SequenceRange[]
  /** Ids in the lost records, as far as they can still be read; unproved. */
  readonly ids: readonly string[]
  /** A sentence for people. */
  readonly detail: string
}

/** An inclusive range of sequence numbers. `through` is `null` where the end is unknown. */
export interface SequenceRange {
  readonly from: number | bigint
  readonly through: number | bigint | null
}
