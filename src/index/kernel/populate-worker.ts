/** The thread behind `populate`: has the system give memory that nobody has used yet. */
import { workerData } from 'node:worker_threads'
import type { Stretch } from './arena.ts'

const SYSTEM_PAGE_BYTES = 4096

const { memory, from, to }: Stretch = workerData
const words = new Int32Array(memory.buffer, from, (to - from) / Int32Array.BYTES_PER_ELEMENT)
const wordsPerPage = SYSTEM_PAGE_BYTES / Int32Array.BYTES_PER_ELEMENT
// Whatever stands there by now stays what it is.
for (let at = 0; at < words.length; at += wordsPerPage) Atomics.or(words, at, 0)
