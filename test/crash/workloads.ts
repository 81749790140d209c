/** Everything that the explorer is set to work on. */
import { convertWorkload } from './convert-workload.ts'
import { indexWorkload } from './index-workload.ts'
import { logWorkload } from './log-workload.ts'
import { repairWorkload } from './repair-workload.ts'
import type { Workload } from './workload.ts'

export { DIRECTORY } from './workload.ts'

export const WORKLOADS: readonly Workload[] = [
  indexWorkload('index', 25, 'none'),
  indexWorkload('failing-index', 25, 'faults'),
  logWorkload('log', 30, 'none'),
  logWorkload('failing-log', 30, 'faults'),
  logWorkload('full-log', 30, 'full'),
  logWorkload('interval-log', 30, 'none', { intervalMs: 50 }),
  logWorkload('os-log', 30, 'none', 'os'),
  repairWorkload('repair', 3),
  convertWorkload('convert', 1),
]
