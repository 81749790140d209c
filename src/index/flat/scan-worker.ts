/**
 * The thread behind `ScanPool`: searches chunks in memory that it shares. Rows may be written while
 * it reads them; whoever asked knows which, and measures those again.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { kernelIn } from '../kernel/kernel.ts'
import { chunkAt } from './chunk.ts'
import { Scan } from './scan.ts'
import type { ScanAnswer, ScanRequest, ScanTask } from './scan-messages.ts'
import type { ScanPlace } from './screen.ts'

const thread: number = workerData
const places = new Map<number, ScanPlace>()

parentPort!.on('message', (request: ScanRequest) => {
  if (request.type === 'scan') parentPort!.postMessage(answerOf(request))
  else places.set(request.region, { memory: request.memory, kernel: kernelIn(request.memory) })
})

function answerOf({ id, metric, query, k, pieces }: ScanTask): ScanAnswer {
  const scan = new Scan(metric, query, k, thread)
  for (const { region, addresses, rows } of pieces) {
    const place = places.get(region)!
    const { buffer } = place.memory
    for (const [at, address] of addresses.entries())
      scan.rows(place, chunkAt(buffer, address, query.length), 0, rows[at]!)
  }
  const found = scan.nearest.neighbours()
  return {
    id,
    labels: Float64Array.from(found, ({ label }) => label),
    distances: Float64Array.from(found, ({ distance }) => distance),
  }
}
