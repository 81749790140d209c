/** Jobs done by several threads. */
import { Worker } from 'node:worker_threads'
import type { Job, JobResult } from './job.ts'

/** Yields results as they come. Whoever stops asking stops the threads. */
export async function* runJobs(jobs: Iterable<Job>, workers: number): AsyncGenerator<JobResult, void, void> {
  const queue = jobs[Symbol.iterator]()
  const idle = Array.from({ length: workers }, startWorker)
  const all = [...idle]
  const busy = new Map<Worker, Promise<{ worker: Worker; result: JobResult }>>()
  try {
    for (;;) {
      while (idle.length > 0) {
        const next = queue.next()
        if (next.done) break
        const worker = idle.pop()!
        busy.set(worker, answerOf(worker, next.value))
      }
      if (busy.size === 0) return
      const { worker, result } = await Promise.race(busy.values())
      busy.delete(worker)
      idle.push(worker)
      yield result
    }
  } finally {
    await Promise.all(all.map((worker) => worker.terminate()))
  }
}

/** One thread, for one job after the other: code that is warm is quicker. */
export class JobThread {
  #worker: Worker | undefined

  /** @throws what ends the thread; the next job gets another */
  async run(job: Job): Promise<JobResult> {
    this.#worker ??= startWorker()
    try {
      return (await answerOf(this.#worker, job)).result
    } catch (error) {
      this.#worker = undefined
      throw error
    }
  }

  async stop(): Promise<void> {
    await this.#worker?.terminate()
  }
}

const startWorker = (): Worker => new Worker(new URL('./worker.js', import.meta.url))

function answerOf(worker: Worker, job: Job): Promise<{ worker: Worker; result: JobResult }> {
  return new Promise((resolve, reject) => {
    worker.once('message', (result: JobResult) => {
      worker.off('error', reject)
      resolve({ worker, result })
    })
    worker.once('error', reject)
    worker.postMessage(job)
  })
}
