import { Worker } from 'node:worker_threads'

export interface FileToHash {
  readonly descriptor: number
  readonly length: number
}

export interface FileHash {
  /** How many were there. */
  readonly bytes: number
  /** In hex. */
  readonly sha256: string
}

/**
 * SHA-256 of the first `length` bytes of a file, computed in a thread of its own. The descriptor
 * must stay open until `done` is called, which is once. Where no thread is to be had, or it cannot
 * read the file, that is an error.
 */
export function hashInThread(file: FileToHash, done: (error: Error | null, hash?: FileHash) => void): void {
  const worker = new Worker(new URL('./hash-worker.js', import.meta.url), {
    name: 'walv-hash',
    execArgv: [],
    workerData: file,
  })
  let answer: FileHash | undefined
  let failure: Error | undefined
  worker.on('message', (hash: FileHash) => {
    answer = hash
  })
  worker.on('error', (error) => {
    failure = error
  })
  // Not before: until then the thread may still read.
  worker.on('exit', (code) => {
    if (answer) done(null, answer)
    else done(failure ?? new Error(`A thread that hashes ended with code ${code}.`))
  })
}
