import { setInterval } from 'node:timers'
import { RemoteIndex } from './remote-index.js'

const DIMENSIONS = 256
const index = new RemoteIndex(process.env.DATA ?? './data', DIMENSIONS)
console.log(`${await index.size()} vectors came back`)

const random = () => Float32Array.from({ length: DIMENSIONS }, () => Math.random() - 0.5)
await Promise.all(Array.from({ length: 20_000 }, (_, n) => index.upsert(`v${n}`, random(), { n })))
console.log(`${await index.size()} vectors are durable`)

// The longest that this thread was kept from its own work while the worker compared a hundred queries with every vector.
let last = performance.now()
let longest = 0
const clock = setInterval(() => {
  longest = Math.max(longest, performance.now() - last)
  last = performance.now()
}, 1)
const begin = performance.now()
await Promise.all(Array.from({ length: 100 }, () => index.search(random(), 10)))
clearInterval(clock)
console.log(
  `100 searches took ${Math.round(performance.now() - begin)} ms; this thread waited ${Math.round(longest)} ms at most`,
)
await index.close()
