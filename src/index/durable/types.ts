import type {
  CustomEntry,
  DeleteEntry,
  InsertEntry,
  JsonValue,
  UpdateEntry,
  VectorInput,
} from '../../entry.ts'
import type { Log, LogToOpen } from '../../log/log.ts'
import { WAL_OPTIONS, type WalOptions } from '../../log/options.ts'
import type { OptionNames } from '../../option-names.ts'
import type { ShareRole } from '../../shared/share-options.ts'
import type { Filter, FilterFunction } from '../filter/filter.ts'
import type { VectorIndex } from '../vector-index.ts'
import type { MetadataSchema } from './metadata-schema.ts'

/** What an index is, whatever log it is kept in. */
export interface IndexOptions<Metadata = JsonValue, Input = Metadata> {
  /**
   * An empty index, for example `flat({ dimensions: 100 })`. The durable index owns it from now on,
   * and no other opening takes it; where opening fails, it may be given to another.
   */
  readonly index: VectorIndex
  /**
   * The embedding model that the vectors are of, for example `text-embedding-3-small`. It is
   * written into the log, and an opening that names another is refused: their vectors do not
   * compare. Default: none is checked.
   */
  readonly model?: string
  /**
   * Takes a checkpoint by itself when so many changes were logged since the last; the members of
   * batches and transactions count each. `'auto'` (default): when as many were logged as the index
   * holds vectors, and at least 10,000, or when they take twice as many bytes as the index, and at
   * least 64 MiB, so that the log and the cost of snapshots stay in proportion. `false`: never.
   * After one that fails none is tried for 5 s, and for twice as long after each further one, at
   * most 10 minutes. Unless it is `false`, `close` takes one, too, where applying what is behind
   * the last took longer than a second, or where a graph took longer to be built than a checkpoint
   * takes.
   */
  readonly checkpointIntervalEntries?: number | 'auto' | false
  /**
   * How many milliseconds the next opening may take, in a process that has just begun: at least 1.
   * What replaying a change, loading the snapshot and reading the log take is measured, and a
   * checkpoint is taken before they would take longer together; `stats().estimatedRecoveryMs` tells
   * what an opening would take now. `close` takes one, too, where that is quicker than replaying
   * what is behind the last. Where the snapshot alone takes longer, the budget cannot be kept:
   * `health()` warns, and checkpoints are taken as without a budget. With
   * `checkpointIntervalEntries: false` it is only told. Default: none, checkpoints are taken by
   * `checkpointIntervalEntries` alone.
   */
  readonly recoveryBudgetMs?: number
  /**
   * Checks metadata before it is logged, and gives the types `Input` and `Metadata`: a Standard
   * Schema, for example one made with zod or valibot. What it returns is logged. What is in the
   * directory already is not checked. It must answer at once; one that answers with a promise is
   * refused with `WALV_INVALID_OPTION` at the first change. Default: none.
   */
  readonly metadataSchema?: MetadataSchema<Input, Metadata>
}

/** An index in a directory, which is opened as a `Wal`. */
export interface DurableIndexOptions<Metadata = JsonValue, Input = Metadata>
  extends WalOptions,
    IndexOptions<Metadata, Input> {
  /**
   * Any number of processes on this machine may open the directory, all of them with `share`, and
   * all read and write. One of them writes the log, the others hand their changes to it over a
   * socket in the directory; when it ends, another takes its place. A change is applied in this
   * process when its call resolves, and in the others a moment later. Default false: one process
   * opens the directory for writing.
   */
  readonly share?: boolean
  /**
   * With `share`, whether this process may be the one that writes the log: `'auto'`, if there is no
   * other; `'follow'`, never; `'prefer'`, as soon as it is there. Default `'auto'`.
   */
  readonly role?: ShareRole
}

/** An index over a log that is given to it. */
export interface LogIndexOptions<Metadata = JsonValue, Input = Metadata>
  extends IndexOptions<Metadata, Input>,
    Pick<WalOptions, 'onProgress' | 'signal' | 'closeWaitMs'> {
  /**
   * Either an open log, which the index owns from now on, and closes with itself; where opening
   * fails, it is yours still. Or one to be opened (`LogToOpen`), which the index opens and closes.
   * Nobody else appends to it but, if it is a `SharedLog`, through log objects of their own. Its
   * snapshot is taken as it is: where that holds something else than it says, opening fails, while
   * an index that opens a directory itself uses the one before.
   */
  readonly log: Log | LogToOpen
}

const INDEX_OPTIONS: OptionNames<IndexOptions> = {
  index: true,
  model: true,
  checkpointIntervalEntries: true,
  recoveryBudgetMs: true,
  metadataSchema: true,
}

export const DURABLE_INDEX_OPTIONS: OptionNames<DurableIndexOptions> = {
  ...WAL_OPTIONS,
  ...INDEX_OPTIONS,
  share: true,
  role: true,
}

export const LOG_INDEX_OPTIONS: OptionNames<LogIndexOptions> = {
  ...INDEX_OPTIONS,
  log: true,
  onProgress: true,
  signal: true,
  closeWaitMs: true,
}

/** What every change may be asked for with. */
export interface ChangeOptions {
  /**
   * 1 to 255 bytes of UTF-8 by which the same change is known again, in every process and after
   * every restart: a change whose key is that of one that took effect is not made again, and is
   * answered as the first was. With another content it is refused with `WALV_CONFLICT`. Keys are
   * kept for `IDEMPOTENCY_WINDOW_MS` of the log's time. Default: none.
   */
  readonly idempotencyKey?: string | undefined
}

/** What a change expects of its id. */
export interface IfSeq {
  /**
   * The number that the id's last change must have, which `get` tells; else the change is refused
   * with `WALV_CONFLICT`. Default: any.
   */
  readonly ifSeq?: number | undefined
}

/** What an upsert expects of its id. */
export interface IfSeqOrAbsent extends IfSeq {
  /** The id must not be there; else the change is refused with `WALV_CONFLICT`. */
  readonly ifAbsent?: true | undefined
}

export type ConditionalOptions = ChangeOptions & IfSeq
export type UpsertOptions = ChangeOptions & IfSeqOrAbsent

/** Sets vector and metadata of an id, new or not. In the log it is an insert with `replace`. */
export interface UpsertEntry<V = Float32Array, M = JsonValue> extends IfSeqOrAbsent {
  readonly type: 'upsert'
  readonly id: string
  readonly vector: V
  readonly metadata?: M
}

/** A change of a batch, with metadata of its type. */
export type IndexEntry<Input = JsonValue> =
  | (InsertEntry<VectorInput, Input> & (null extends Input ? unknown : { readonly metadata: Input }))
  | (UpsertEntry<VectorInput, Input> & (null extends Input ? unknown : { readonly metadata: Input }))
  | (UpdateEntry<VectorInput, Input> & IfSeq)
  | (DeleteEntry & IfSeq)
  | CustomEntry
  | { readonly type: 'batch'; readonly entries: readonly IndexEntry<Input>[] }

export interface SearchOptions<Metadata = JsonValue> {
  /** How many hits at most. Default 10. */
  readonly k?: number
  /** Leaves out what it does not take, before it counts. */
  readonly filter?: Filter<Metadata> | FilterFunction<Metadata>
}

export const SEARCH_OPTIONS: OptionNames<SearchOptions> = { k: true, filter: true }

/** A stored vector that is near. Metadata is frozen. */
export interface Hit<Metadata = JsonValue> {
  readonly id: string
  readonly distance: number
  readonly metadata: Metadata
}

/** What is stored under an id: a copy of the vector, and the metadata, frozen. */
export interface StoredVector<Metadata = JsonValue> {
  readonly vector: Float32Array
  readonly metadata: Metadata
  /**
   * The number of the id's last change: where that took effect in the log. What was taken over
   * when the log was forked counts as changed by the fork's first record.
   */
  readonly seq: number
}
