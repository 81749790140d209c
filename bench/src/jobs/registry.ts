import type { Job, Metrics } from '../job.ts'
import { append } from './append.ts'
import { checkpointStall } from './checkpoint-stall.ts'
import { diskWay } from './disk-way.ts'
import { fill, fillIndexes } from './fill.ts'
import { growth } from './growth.ts'
import { latency } from './latency.ts'
import { paced } from './paced.ts'
import { readBorrowed, readIntoMemory, readLog, readPlain } from './read.ts'
import { bareIndex, emptyProcess, recoverIndex, recoverNothing } from './recover.ts'
import { replayRaw } from './replay-raw.ts'
import { search } from './search.ts'
import { steady } from './steady.ts'

type Run = (job: Job) => Promise<Metrics>

/**
 * What a child can do, by the kind of the job. Each takes its own kind of job, which the scenarios
 * write.
 */
export const JOBS: Readonly<Record<string, Run | undefined>> = {
  append,
  'bare-index': bareIndex,
  'checkpoint-stall': checkpointStall,
  'disk-way': diskWay,
  'empty-process': emptyProcess,
  fill,
  'fill-indexes': fillIndexes,
  growth,
  latency,
  paced,
  'read-log': readLog,
  'read-borrowed': readBorrowed,
  'read-plain': readPlain,
  'read-into-memory': readIntoMemory,
  'recover-index': recoverIndex,
  'recover-nothing': recoverNothing,
  'replay-raw': replayRaw,
  search,
  steady,
} as Record<string, (job: never) => Promise<Metrics>> as Record<string, Run>
