import { Worker } from 'node:worker_threads'

/** An index that lives in a worker: the same calls, without holding up this thread. */
export class RemoteIndex {
  #worker
  #waiting = new Map()
  #next = 0

  constructor(directory, dimensions) {
    this.#worker = new Worker(new URL('./index-worker.js', import.meta.url), {
      workerData: { directory, dimensions },
    })
    this.#worker.on('message', ({ id, result, error }) => {
      const { resolve, reject } = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error) reject(Object.assign(new Error(error.message), { code: error.code }))
      else resolve(result)
    })
    this.#worker.on('error', (error) => this.#refuse(error))
    this.#worker.on('exit', () => this.#refuse(new Error('The worker with the index has ended.')))
  }

  upsert = (id, vector, metadata) => this.#call('upsert', id, vector, metadata)
  search = (query, k) => this.#call('search', query, k)
  size = () => this.#call('size')
  close = () => this.#call('close')

  #call(call, ...args) {
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#worker.postMessage({ id, call, args })
    })
  }

  /** Nobody waits for ever: what was sent to a worker that is gone may or may not have been logged. */
  #refuse(error) {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
