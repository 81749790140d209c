/** A thread that does one job after the other. */
import './install-virtual-time.ts'
import assert from 'node:assert/strict'
import { parentPort } from 'node:worker_threads'
import { clearTimeout } from '../../src/clock.ts'
import { type Job, runJob } from './job.ts'

/** Promises whose rejection nobody waited for: a defect, whoever made them. */
const unhandled: unknown[] = []
process.on('unhandledRejection', (error) => unhandled.push(error))

assert.equal(clearTimeout, globalThis.clearTimeout, 'walv was loaded before its timers were replaced')

parentPort!.on('message', async (job: Job) => {
  const result = await runJob(job)
  await new Promise(setImmediate)
  const stories = unhandled
    .splice(0)
    .map((error) => `${textOf(job)}: unhandled ${error instanceof Error ? error.stack : error}`)
  parentPort!.postMessage({ ...result, stories: [...result.stories, ...stories] })
})

const textOf = ({ kind, workload, seed }: Job): string => `${kind} ${workload}, seed ${seed}`
