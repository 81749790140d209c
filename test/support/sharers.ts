import type { DurableIndex } from '../../src/mod.ts'
import { until } from './logs.ts'

/** Waits until two indexes on one directory have applied the same. */
export const agree = (one: DurableIndex, other: DurableIndex): Promise<void> =>
  until(() => one.fingerprint() === other.fingerprint())
