import type { Scenario } from '../scenario.ts'
import { inFlight, levels, waiting, waves } from './appends.ts'
import { atOnce, cold } from './cold.ts'
import { diskWays } from './disk-ways.ts'
import { durableIndex } from './durable-index.ts'
import { goalFollow } from './follow.ts'
import { goalCalls, goalInserts, goalLog, goalMany } from './goal-inserts.ts'
import { goalLife, goalMemory } from './goal-life.ts'
import { headline } from './headline.ts'
import { oneAtATime, paced } from './latency.ts'
import { goalPast } from './past.ts'
import { checkpointOpen, read, recovery } from './recovery.ts'
import { goalSearch, search, searchMany } from './search.ts'
import { goalTakeover, shareRate } from './share.ts'
import {
  checkpointStall,
  goalCheckpoint,
  growthRecords,
  growthSegments,
  recoveryBudget,
  steady,
} from './upkeep.ts'

/** In the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  goalInserts,
  goalLog,
  goalCalls,
  goalMany,
  goalSearch,
  goalLife,
  goalCheckpoint,
  goalMemory,
  goalFollow,
  goalPast,
  goalTakeover,
  recoveryBudget,
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
  searchMany,
  shareRate,
  diskWays,
]
