/** walv: a crash-safe write-ahead log for vector indexes. */

export type {
  CheckpointMessage,
  CloseMessage,
  DamageMessage,
  GroupMessage,
  LogMessage,
  OpenMessage,
  PoisonMessage,
  RetentionMessage,
  RoleMessage,
  RotationMessage,
  SlowSyncMessage,
  SyncMessage,
} from './diagnostics.ts'
export type { Disk, DiskEntry, DiskFile, DiskLock, DiskWatch, HeldByAnother } from './disk/disk.ts'
export type { Exchange, Link, Listener } from './disk/exchange.ts'
export type { FileHash } from './disk/hash-thread.ts'
export { nodeDisk } from './disk/node-disk.ts'
export type { DiagnoseOptions, Diagnosis, Loss, Recoverable, Verdict } from './doctor/diagnose.ts'
export type { Remedy } from './doctor/remedy.ts'
export type { WriterSign } from './doctor/writer-sign.ts'
export * from './entry.ts'
export { WalError, type WalErrorCode, type WalErrorDetails } from './errors.ts'
export { type ChangeKey, type Condition, conditionIn, type Expectation } from './format/condition.ts'
export { indexIdentity } from './format/index-record.ts'
export { DurableIndex, type DurableIndexStats, type IndexPosition } from './index/durable/durable-index.ts'
export type { ChangesOptions, IndexChange } from './index/durable/index-changes.ts'
export type { IndexReader } from './index/durable/index-reader.ts'
export type {
  ChangeArguments,
  IndexTransaction,
  MetadataArgument,
} from './index/durable/index-transaction.ts'
export type { IndexWriter } from './index/durable/index-writer.ts'
export type {
  InsertManyFailure,
  InsertManyItem,
  InsertManyOptions,
  InsertManyProgress,
} from './index/durable/insert-many.ts'
export type {
  MetadataIssue,
  MetadataSchema,
  SchemaIssue,
  SchemaResult,
} from './index/durable/metadata-schema.ts'
export type { TransactionVector } from './index/durable/own-images.ts'
export { diagnose, repair } from './index/durable/proved.ts'
export type { IndexRecoveryReport } from './index/durable/restore.ts'
export type { Difference } from './index/durable/time/diff.ts'
export type { Forked } from './index/durable/time/fork.ts'
export type { Version } from './index/durable/time/history.ts'
export type { IndexWithPast, PastOptions } from './index/durable/time/index-with-past.ts'
export type { OpenAtOptions } from './index/durable/time/open-at.ts'
export type { Reverted } from './index/durable/time/revert.ts'
export type {
  ChangeOptions,
  ConditionalOptions,
  DurableIndexOptions,
  Hit,
  IfSeq,
  IfSeqOrAbsent,
  IndexEntry,
  IndexOptions,
  LogIndexOptions,
  SearchOptions,
  StoredVector,
  UpsertEntry,
  UpsertOptions,
} from './index/durable/types.ts'
export type { Filter, FilterCondition, FilterFunction, FilterOperators } from './index/filter/filter.ts'
export { type FlatOptions, flat } from './index/flat/flat.ts'
export type * from './index/vector-index.ts'
export * from './limits.ts'
export type { Cursor, CursorOptions, CursorStatus } from './log/cursor-types.ts'
export type { Health, HealthCheck, HealthLevel, HealthOptions } from './log/health.ts'
export type {
  CheckpointRequest,
  CommittedUnit,
  HistoryStats,
  Log,
  LogStats,
  LogToOpen,
  LogWaiter,
  ReadOptions,
  RecoveryReport,
  ReplayOptions,
  Settled,
  SharedLog,
  SharedUnit,
  Snapshot,
  SnapshotWriter,
  TailOptions,
  Ticket,
  Transaction,
  TransactionState,
} from './log/log.ts'
export type { LogWithCursors } from './log/log-with-cursors.ts'
export type { Moment } from './log/moment.ts'
export type { Durability, History, RecoveryPolicy, WalOptions } from './log/options.ts'
export type { LogItem } from './log/read/record-reader.ts'
export { type ScanOptions, scanLog } from './log/read/scan.ts'
export { Wal } from './log/wal.ts'
export type { ShareRole } from './shared/share-options.ts'
