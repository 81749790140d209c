import type { Job, Metrics } from '../job.ts'
import { append } from './append.ts'
import { calls } from './calls.ts'
import { checkpointLongest } from './checkpoint-longest.ts'
import { checkpointStall } from './checkpoint-stall.ts'
import { diskWay } from './disk-way.ts'
import { fill, fillIndexes } from './fill.ts'
import { firstAnswer, plainRead } from './first-answer.ts'
import { followedWriter, followLag } from './follow-lag.ts'
import { graphMemory } from './graph-memory.ts'
import { grow, growUntilKilled } from './grow.ts'
import { growth } from './growth.ts'
import { latency } from './latency.ts'
import { many } from './many.ts'
import { paced } from './paced.ts'
import { fillPast, forkPast, openPastMoment, openPresent } from './past.ts'
import { readBorrowed, readIntoMemory, readLog, readPlain } from './read.ts'
import { bareIndex, emptyProcess, recoverIndex, recoverNothing } from './recover.ts'
import { beginWithinBudget, lifeWithinBudget, recoveryBudget } from './recovery-budget.ts'
import { replayRaw } from './replay-raw.ts'
import { search, searchMany } from './search.ts'
import { share, shareLeader, shareMember, takeover } from './share.ts'
import { steady } from './steady.ts'

type Run = (job: Job) => Promise<Metrics>

/**
 * What a child can do, by the kind of the job. Each takes its own kind of job, which the scenarios
 * write.
 */
export const JOBS: Readonly<Record<string, Run | undefined>> = {
  append,
  'bare-index': bareIndex,
  'begin-within-budget': beginWithinBudget,
  calls,
  'checkpoint-longest': checkpointLongest,
  'checkpoint-stall': checkpointStall,
  'disk-way': diskWay,
  'empty-process': emptyProcess,
  fill,
  'fill-indexes': fillIndexes,
  'fill-past': fillPast,
  'first-answer': firstAnswer,
  'follow-lag': followLag,
  'followed-writer': followedWriter,
  'fork-past': forkPast,
  'graph-memory': graphMemory,
  grow,
  'grow-until-killed': growUntilKilled,
  growth,
  latency,
  'life-within-budget': lifeWithinBudget,
  many,
  paced,
  'open-past': openPastMoment,
  'open-present': openPresent,
  'plain-read': plainRead,
  'read-log': readLog,
  'read-borrowed': readBorrowed,
  'read-plain': readPlain,
  'read-into-memory': readIntoMemory,
  'recover-index': recoverIndex,
  'recover-nothing': recoverNothing,
  'recovery-budget': recoveryBudget,
  'replay-raw': replayRaw,
  search,
  searchMany,
  share,
  'share-leader': shareLeader,
  'share-member': shareMember,
  'share-takeover': takeover,
  steady,
} as Record<string, (job: never) => Promise<Metrics>> as Record<string, Run>
