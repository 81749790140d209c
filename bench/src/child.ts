/**
 * Does one job, given as JSON on the command line, and prints what it measured as the last line.
 */
import type { Job, Metrics } from './job.ts'
import { JOBS } from './jobs/registry.ts'

const job = JSON.parse(process.argv[2] ?? '') as Job
const run = JOBS[job.kind]
if (!run) throw new Error(`There is no job ${job.kind}`)
try {
  const metrics: Metrics = await run(job)
  const line = JSON.stringify({ ...metrics, peakRssMb: process.resourceUsage().maxRSS / 1024 })
  // Peers may leave threads and timers behind.
  process.stdout.write(`\n${line}\n`, () => process.exit(0))
} catch (error) {
  process.stderr.write(`\n${(error as Error).message.split('\n')[0]}\n`, () => process.exit(1))
}
