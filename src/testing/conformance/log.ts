import { type ConformanceCase, casesOf } from './case.ts'
import { logAppending } from './log-appending.ts'
import { logCheckpoints } from './log-checkpoints.ts'
import { logLifetime } from './log-lifetime.ts'
import { logPrepared } from './log-prepared.ts'
import { logReading } from './log-reading.ts'
import { type LogPlace, LogSubject } from './log-subject.ts'
import { logTransactionRecords } from './log-transaction-records.ts'
import { logTransactions } from './log-transactions.ts'

/** What a log may do, or do without. */
export interface LogCapabilities {
  /**
   * The begin, the entries and the end of a transaction are records of their own, where they were
   * logged, and its id is the number of its begin. Default true.
   */
  readonly transactionRecords?: boolean
  /** Transactions can be prepared, and then wait for a decision across openings. Default true. */
  readonly twoPhaseCommit?: boolean
  /** Checkpoints are taken through this log object, and not by another process. Default true. */
  readonly checkpoints?: boolean
}

/**
 * Cases that check the contract of `Log`, for any test runner:
 * `for (const { name, run } of cases) test(name, run)`. `make` gives the place of a new log for
 * each case, which opens it, and opens it again once it is closed. Logs get at most a few
 * megabytes. What a log says that it does without is not asked of it.
 */
export function logConformance(
  make: () => LogPlace | Promise<LogPlace>,
  { transactionRecords = true, twoPhaseCommit = true, checkpoints = true }: LogCapabilities = {},
): ConformanceCase[] {
  const checks = {
    ...logAppending,
    ...logReading,
    ...logTransactions,
    ...(transactionRecords && logTransactionRecords),
    ...(twoPhaseCommit && logPrepared),
    ...(checkpoints && logCheckpoints),
    ...logLifetime,
  }
  return casesOf(checks, async () => new LogSubject(await make()))
}
