/** A thread that does one job after the other. */
import { parentPort } from 'node:worker_threads'
import { type Job, runJob } from './job.ts'
import { installVirtualTime } from './virtual-time.ts'

installVirtualTime()

/** Promises whose rejection nobody waited for: a defect, whoever made them. */
const unhandled: unknown[] = []
process.on('unhandledRejection', (error) => unhandled.push(error))

parentPort!.on('message', async (job: Job) => {
  const result = await runJob(job)
  await new Promise(setImmediate)
  const stories = unhandled
    .splice(0)
    .map((error) => `${textOf(job)}: unhandled ${error instanceof Error ? error.stack : error}`)
  parentPort!.postMessage({ ...result, stories: [...result.stories, ...stories] })
})

const textOf = ({ kind, workload, seed }: Job): string => `${kind} ${workload}, seed ${seed}`
