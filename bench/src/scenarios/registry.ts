import type { Scenario } from '../scenario.ts'
import { inFlight, levels, waiting, waves } from './appends.ts'
import { atOnce, cold } from './cold.ts'
import { diskWays } from './disk-ways.ts'
import { durableIndex } from './durable-index.ts'
import { headline } from './headline.ts'
import { oneAtATime, paced } from './latency.ts'
import { checkpointOpen, read, recovery } from './recovery.ts'
import { search } from './search.ts'
import { checkpointStall, growthRecords, growthSegments, steady } from './upkeep.ts'

/** In the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  durableIndex,
  headline,
  cold,
  oneAtATime,
  paced,
  inFlight,
  waves,
  waiting,
  atOnce,
  levels,
  read,
  recovery,
  checkpointOpen,
  checkpointStall,
  growthRecords,
  growthSegments,
  steady,
  search,
  diskWays,
]
