/**
 * The thread behind `ScanPool`: searches chunks in memory that it shares. Rows may be written while
 * it reads them; whoever asked knows which, and measures those again.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { kernelIn } from '../kernel/kernel.ts'
import { type Chunk, chunkAt } from './chunk.ts'
import type { ScanAnswer, ScanRequest, ScanTask } from './scan-messages.ts'
import { Scans } from './scans.ts'
import type { ScanPlace } from './screen.ts'

const thread: number = workerData
const places = new Map<number, ScanPlace>()

parentPort!.on('message', (request: ScanRequest) => {
  if (request.type === 'scan') parentPort!.postMessage(answerOf(request))
  else places.set(request.region, { memory: request.memory, kernel: kernelIn(request.memory) })
})

function answerOf(task: ScanTask): ScanAnswer {
  const { id, metric, queries, k } = task
  const scans = new Scans(metric, queries, k, thread)
  for (const { place, chunk, rows } of chunksOf(task)) scans.rows(place, chunk, 0, rows)
  const found = scans.found().map((neighbours) => ({
    labels: Float64Array.from(neighbours, ({ label }) => label),
    distances: Float64Array.from(neighbours, ({ distance }) => distance),
  }))
  return { id, found }
}

/** Chunks that nobody else takes, until all are taken. */
function* chunksOf({ queries, pieces, next }: ScanTask): Generator<{
  place: ScanPlace
  chunk: Chunk
  rows: number
}> {
  let before = 0
  let number = Atomics.add(next, 0, 1)
  for (const { region, addresses, rows } of pieces) {
    const place = places.get(region)!
    const { buffer } = place.memory
    for (; number < before + addresses.length; number = Atomics.add(next, 0, 1)) {
      const at = number - before
      yield { place, chunk: chunkAt(buffer, addresses[at]!, queries[0]!.length), rows: rows[at]! }
    }
    before += addresses.length
  }
}
