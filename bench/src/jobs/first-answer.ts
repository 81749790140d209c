import { execFileSync } from 'node:child_process'
import { closeSync, constants, cpSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { DurableIndex } from 'walv'
import { caughtUp, lagOf } from '../graph.ts'
import type { Job, Metrics } from '../job.ts'
import { LatentVectors } from '../latent-vectors.ts'
import { LoopDelays, pause } from '../loop-delay.ts'
import { emptyIndex } from '../peers/durable-index.ts'
import type { Engine } from '../peers/peer.ts'
import { type Grown, K, queriesOf } from './grow.ts'

export interface FirstAnswerJob extends Job {
  readonly engine: Engine
  readonly catchUpMs: number
  readonly prepared: Grown & Metrics
}

/**
 * Opens what a killed process left, in a copy of its own: how long until the first answer, how good
 * the answers are at once, and what the event loop's delays are until the graph has everything.
 */
export async function firstAnswer(job: FirstAnswerJob): Promise<Metrics> {
  const { truth, ...grown } = job.prepared
  const directory = copyOf(job.directory)
  const queries = queriesOf(new LatentVectors(job.dimensions))
  const empty = await emptyIndex(job.engine, job.dimensions)
  const delays = new LoopDelays()
  let peakMb = 0
  const index = await delays.during(async () => {
    const start = performance.now()
    const opened = await DurableIndex.open({ directory, index: empty, checkpointIntervalEntries: false })
    const openMs = performance.now() - start
    await opened.search(queries[0]!, { k: K })
    const ms = performance.now() - start
    const lag = lagOf(opened)
    peakMb = process.resourceUsage().maxRSS / 1024
    const recall = await recallOf(opened, queries, truth)
    const isCaughtUp = await caughtUp(opened, job.catchUpMs)
    return { opened, figures: { ms, openMs, lag, recall, isOpenCaughtUp: Number(isCaughtUp) } }
  })
  const openMb = await settledMb()
  const { p99Ms, maxMs } = delays.figures
  if (index.opened.size !== grown.records)
    throw new Error(`${index.opened.size} vectors of ${grown.records} came back`)
  const memory = { peakMb, openMb, memoryRatio: peakMb / openMb }
  return { ...grown, ...index.figures, ...memory, openP99Ms: p99Ms, openMaxMs: maxMs }
}

/** As it is, on the disk, so that nothing is written for it while something is measured. */
function copyOf(shared: string): string {
  const directory = `${shared}-${process.pid}`
  cpSync(join(shared, 'index'), directory, { recursive: true, mode: constants.COPYFILE_FICLONE })
  execFileSync('sync', ['-f', directory])
  return directory
}

async function recallOf(
  index: DurableIndex,
  queries: readonly Float32Array[],
  truth: readonly (readonly string[])[],
): Promise<number> {
  let found = 0
  for (const [i, query] of queries.entries()) {
    const hits = await index.search(query, { k: K })
    found += hits.filter(({ id }) => truth[i]!.includes(id)).length
  }
  return found / (K * queries.length)
}

/** What the process has when its garbage is gone. */
export async function settledMb(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let i = 0; i < 3; i++) {
    collect()
    await pause(100)
  }
  return process.memoryUsage.rss() / 1024 ** 2
}

const CHUNK_BYTES = 1024 * 1024

/** Reads the same bytes and looks at none: the log that is kept, and its newest snapshot. */
export async function plainRead(job: Job): Promise<Metrics> {
  const directory = copyOf(job.directory)
  const files = filesOf(directory)
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  const start = performance.now()
  let bytes = 0
  for (const path of files) {
    const file = openSync(path, 'r')
    for (let read = -1; read !== 0; bytes += read) read = readSync(file, buffer, 0, CHUNK_BYTES, null)
    closeSync(file)
  }
  const ms = performance.now() - start
  return { ms, mb: bytes / 1e6, mbPerSecond: bytes / ms / 1000 }
}

function filesOf(directory: string): string[] {
  const files = (folder: string): string[] =>
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => join(folder, name))
  const snapshots = join(directory, 'snapshots')
  const newest = readdirSync(snapshots).sort().at(-1)!
  return [...files(directory), ...files(join(snapshots, newest))]
}
