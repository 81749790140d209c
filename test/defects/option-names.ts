import type { DurableIndexOptions, HealthOptions, WalOptions } from '../support/kit.ts'

/** By hand, but the compiler says when one is missing. */
export const WAL_OPTIONS: Record<keyof WalOptions, true> = {
  directory: true,
  readOnly: true,
  follow: true,
  durability: true,
  recovery: true,
  segmentMaxBytes: true,
  segmentMaxAgeMs: true,
  checkpointRetention: true,
  history: true,
  maxPendingBytes: true,
  slowSyncMs: true,
  onProgress: true,
  signal: true,
  disk: true,
  clock: true,
  lockWaitMs: true,
  closeWaitMs: true,
}
export const INDEX_OPTIONS: Record<Exclude<keyof DurableIndexOptions, keyof WalOptions>, true> = {
  index: true,
  checkpointIntervalEntries: true,
  recoveryBudgetMs: true,
  metadataSchema: true,
  model: true,
  share: true,
  role: true,
}
export const HEALTH_OPTIONS: Record<keyof HealthOptions, true> = {
  sizeWarnBytes: true,
  sizeFailBytes: true,
  syncWarnMs: true,
  syncFailMs: true,
  checkpointAgeWarnMs: true,
  checkpointAgeFailMs: true,
  checkpointMinEntries: true,
  diskFreeWarnBytes: true,
  diskFreeFailBytes: true,
  transactionAgeWarnMs: true,
  transactionAgeFailMs: true,
}
