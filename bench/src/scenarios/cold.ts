import { CPU, RATE, RECORDS_PER_SYNC, type Scenario, SYSTEM_CPU, type Variant } from '../scenario.ts'
import { appender, IN_FLIGHT, raw } from './contestants.ts'

const DIMENSIONS = 768

/**
 * What most processes are: short. Counted from the first append on, compiling and all. Goals: twice
 * lmdb in the middle and 1.5 times in every repetition; 0.9 of the bare program into new files.
 */
export const cold: Scenario = {
  name: 'cold',
  title: `durable appends of a fresh process from the first on, ${DIMENSIONS} dimensions, 256 in flight`,
  metric: RATE,
  also: [RECORDS_PER_SYNC, CPU, SYSTEM_CPU],
  variants: (settings) =>
    [500, 3000].map((durationMs): Variant => {
      const fromTheFirst = { ...settings, warmUpMs: 0, durationMs }
      return {
        label: `the first ${durationMs / 1000} s`,
        contestants: [
          appender('walv', IN_FLIGHT, fromTheFirst, DIMENSIONS),
          {
            ...raw(DIMENSIONS, 'raw-async', { isSparse: true }),
            label: 'raw-async, into new files, writing ahead',
          },
          appender('lmdb', IN_FLIGHT, fromTheFirst, DIMENSIONS),
        ],
      }
    }),
}

/** Longer than any of these takes: it ends with the records. */
const NO_END_MS = 600_000

/**
 * What a call costs must not depend on how many wait. Goal: at most 1.3 of what the same number
 * costs with 256 in flight. 10⁶ records of 768 dimensions would need 3 GB, so they have 128.
 */
export const atOnce: Scenario = {
  name: 'at-once',
  title: 'processor time of an append, all called at once, and the same number with 256 in flight',
  metric: CPU,
  also: [RATE, RECORDS_PER_SYNC],
  isLong: true,
  variants: (settings) =>
    (
      [
        [100_000, 768],
        [1_000_000, 128],
      ] as const
    ).map(([calls, dimensions]): Variant => {
      const all = (load: typeof IN_FLIGHT, label: string) => {
        const rest = { walv: { maxPendingBytes: 8 * 1024 ** 3 } }
        const { job, ...row } = appender('walv', load, settings, dimensions, label, rest)
        return { ...row, job: { ...job, warmUpMs: 0, durationMs: NO_END_MS, maxRecords: calls } }
      }
      return {
        label: `${calls} appends, ${dimensions} dimensions`,
        contestants: [
          all({ shape: 'waves', size: calls }, 'walv, all at once'),
          all(IN_FLIGHT, 'walv, 256 in flight'),
        ],
      }
    }),
}
