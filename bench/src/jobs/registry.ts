import type { Job, Metrics } from '../job.ts'
import { append } from './append.ts'
import { latency } from './latency.ts'
import { replayRaw } from './replay-raw.ts'

type Run = (job: never) => Promise<Metrics>

const RUNS: Record<string, Run> = {
  append,
  latency,
  'replay-raw': replayRaw,
}

/** What a child can do, by the kind of the job. */
export const JOBS: Readonly<Record<string, ((job: Job) => Promise<Metrics>) | undefined>> = RUNS as Record<
  string,
  (job: Job) => Promise<Metrics>
>
