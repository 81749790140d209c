/** Everything that the explorer is set to work on. */
import { hnswlib } from '../../src/adapters/hnswlib.ts'
import { usearch } from '../../src/adapters/usearch.ts'
import { flat } from '../../src/mod.ts'
import { convertWorkload } from './convert-workload.ts'
import { cursorsWorkload } from './cursors-workload.ts'
import { followingWorkload } from './following-workload.ts'
import { indexWorkload } from './index-workload.ts'
import { laggingIndex } from './lagging-index.ts'
import { logWorkload, STREAMS } from './log-workload.ts'
import { repairWorkload } from './repair-workload.ts'
import { sharedIndexWorkload } from './shared-index-workload.ts'
import { sustainedWorkload } from './sustained-workload.ts'
import { timeWorkload } from './time-workload.ts'
import { twoProcessesWorkload } from './two-processes-workload.ts'
import { variedIndexWorkload } from './varied-index-workload.ts'
import type { Workload } from './workload.ts'

export { DIRECTORY } from './workload.ts'

export const WORKLOADS: readonly Workload[] = [
  indexWorkload('index', 25, 'none'),
  indexWorkload('failing-index', 25, 'faults'),
  indexWorkload('versions', 25, 'none', flat, true),
  indexWorkload('usearch-index', 8, 'none', (shape) => usearch({ ...shape, threads: 0 })),
  indexWorkload('failing-usearch-index', 8, 'faults', (shape) => usearch({ ...shape, threads: 0 })),
  indexWorkload('hnswlib-index', 8, 'none', (shape) => hnswlib({ ...shape, threads: 0 })),
  indexWorkload('lagging-index', 12, 'none', laggingIndex),
  logWorkload('log', 30, 'none'),
  logWorkload('failing-log', 30, 'faults'),
  logWorkload('full-log', 30, 'full'),
  logWorkload('interval-log', 30, 'none', { durability: { intervalMs: 50 } }),
  logWorkload('os-log', 30, 'none', { durability: 'os' }),
  logWorkload('large-log', 12, 'none', STREAMS),
  logWorkload('failing-large-log', 12, 'faults', STREAMS),
  logWorkload('full-large-log', 12, 'full', STREAMS),
  logWorkload('os-large-log', 12, 'none', { ...STREAMS, durability: 'os' }),
  sustainedWorkload('sustained-log', 'none'),
  sustainedWorkload('failing-sustained-log', 'lasting'),
  logWorkload('lasting-large-log', 12, 'lasting', STREAMS),
  variedIndexWorkload('varied-index', 'none'),
  variedIndexWorkload('failing-varied-index', 'lasting'),
  twoProcessesWorkload('two-processes'),
  followingWorkload('following'),
  cursorsWorkload('cursors'),
  sharedIndexWorkload('shared-index'),
  sharedIndexWorkload('failing-shared-index', { fails: true }),
  sharedIndexWorkload('shared-versions', { conditions: true }),
  repairWorkload('repair', 3),
  convertWorkload('convert', 1),
  timeWorkload('time-travel', 2),
]
