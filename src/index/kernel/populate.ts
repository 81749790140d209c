import { Worker } from 'node:worker_threads'
import { reserve } from './arena.ts'

/**
 * Has another thread take from the system the memory that blocks of so many bytes are going to be
 * made of: a page that is new costs microseconds, and whoever writes to it first waits for that.
 * Nothing depends on it; called again before the memory is used, it takes no more.
 */
export function populate(bytes: number): void {
  const stretch = reserve(bytes)
  if (stretch === undefined) return
  const worker = new Worker(new URL('./populate-worker.js', import.meta.url), {
    name: 'walv-populate',
    execArgv: [],
    workerData: stretch,
  })
  // Without a thread, the memory is taken when it is used.
  worker.on('error', () => {})
  worker.unref()
}
