import { type ConformanceCase, casesOf } from './case.ts'
import { logAppending } from './log-appending.ts'
import { logCheckpoints } from './log-checkpoints.ts'
import { logLifetime } from './log-lifetime.ts'
import { logReading } from './log-reading.ts'
import { type LogPlace, LogSubject } from './log-subject.ts'
import { logTransactions } from './log-transactions.ts'

/**
 * Cases that check the contract of `Log`, for any test runner:
 * `for (const { name, run } of cases) test(name, run)`. `make` gives the place of a new log for
 * each case, which opens it, and opens it again once it is closed. Logs get at most a few
 * megabytes.
 */
export function logConformance(make: () => LogPlace | Promise<LogPlace>): ConformanceCase[] {
  const checks = { ...logAppending, ...logReading, ...logTransactions, ...logCheckpoints, ...logLifetime }
  return casesOf(checks, async () => new LogSubject(await make()))
}
