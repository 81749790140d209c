/**
 * Every limit of the log, by name. What exceeds one is refused with `WALV_LIMIT` before anything is
 * logged; `docs/limits.md` lists them. The format could hold more in places; raising a limit here
 * never makes an older log unreadable.
 */

/** Longest id, in UTF-8 bytes. */
export const MAX_ID_BYTES = 65_535
/** Most dimensions of a vector. */
export const MAX_DIMENSIONS = 65_535
/** Longest metadata of one entry, in bytes of its JSON text. */
export const MAX_METADATA_BYTES: number = 16 * 1024 * 1024
/** Deepest nesting of arrays and objects in metadata. */
export const MAX_METADATA_NESTING = 100
/** Deepest nesting of a filter, and of what it compares with. */
export const MAX_FILTER_NESTING = 100
/** Longest kind name of a custom entry, in UTF-8 bytes. */
export const MAX_CUSTOM_KIND_BYTES = 255
/** Longest record, a batch with all its entries included, in bytes of its encoded payload. */
export const MAX_RECORD_BYTES: number = 64 * 1024 * 1024
/** Most entries of one batch, nested ones included. */
export const MAX_BATCH_ENTRIES = 1_000_000
/** Deepest nesting of batches: 1 is a batch that holds no batch. */
export const MAX_BATCH_NESTING = 16
/** Most transactions open or prepared at one time. */
export const MAX_OPEN_TRANSACTIONS = 1_024
/**
 * Most vectors of one index: V8's `Map`, which some engines keep theirs in, holds 2^24 entries, and
 * replay must never meet what cannot be held.
 */
export const MAX_INDEX_VECTORS = 16_000_000
/**
 * Most bytes of vectors and metadata that `DurableIndex.revertTo` puts back: all of them are in
 * memory together.
 */
export const MAX_REVERT_BYTES: number = 512 * 1024 * 1024
/** Longest idempotency key, in UTF-8 bytes. */
export const MAX_IDEMPOTENCY_KEY_BYTES = 255
/**
 * How long an index remembers an idempotency key, in milliseconds by the times of the log's
 * records: 24 hours.
 */
export const IDEMPOTENCY_WINDOW_MS: number = 24 * 60 * 60 * 1000
/** Most idempotency keys that an index remembers: beyond, the oldest are forgotten sooner. */
export const MAX_IDEMPOTENCY_KEYS = 250_000
/** Largest sequence number: sequence numbers are safe integers. */
export const MAX_SEQUENCE: number = Number.MAX_SAFE_INTEGER - 1
/**
 * Default of the `maxPendingBytes` option: bytes appended and not yet on disk before an append is
 * refused.
 */
export const DEFAULT_MAX_PENDING_BYTES: number = 64 * 1024 * 1024
/** Default of the `maxHeldBytes` option of a cursor: bytes that retention keeps for it alone. */
export const DEFAULT_MAX_HELD_BYTES: number = 1024 * 1024 * 1024
