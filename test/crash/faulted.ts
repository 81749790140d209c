/** Work each operation of which is made to fail. */
import { convertWork } from './convert-workload.ts'
import { indexWork } from './index-workload.ts'
import { logWork, STREAMS } from './log-workload.ts'
import { repairWork } from './repair-workload.ts'
import type { Trouble } from './trouble.ts'
import type { Work } from './workload.ts'

export interface FaultedWork {
  readonly name: string
  readonly steps: number
  /** How many seeds, from 1 on: in the suite, and with `WALV_FAULTS=full`. */
  readonly seeds: readonly [inSuite: number, full: number]
  create(seed: number, trouble: Trouble): Work
}

export const FAULTED: readonly FaultedWork[] = [
  { name: 'index', steps: 12, seeds: [1, 2], create: indexWork },
  { name: 'log', steps: 14, seeds: [1, 2], create: logWork },
  { name: 'large-log', steps: 3, seeds: [1, 2], create: (seed, trouble) => logWork(seed, trouble, STREAMS) },
  { name: 'repair', steps: 0, seeds: [1, 2], create: repairWork },
  { name: 'convert', steps: 0, seeds: [1, 3], create: convertWork },
]
