/**
 * The speed of the flat index and of the set fingerprint. After `npm run build:test`:
 *
 *     node build/bench/flat.js [vectors = 100000] [dimensions = 100] [repetitions = 30]
 *
 * Prints the median, least and greatest time over the repetitions, after a fifth of them to warm up.
 */
import { SetFingerprint } from '../src/index/fingerprint.ts'
import { flat } from '../src/index/flat.ts'
import type { Metric, VectorIndex } from '../src/index/vector-index.ts'

const [count = 100_000, dimensions = 100, repetitions = 30] = process.argv.slice(2).map(Number)
const K = 10

/** Small, seeded and good enough to fill vectors: every run measures the same data. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return state / 2 ** 31
  }
}

function report(what: string, unit: 'ms' | 'µs', measureOnce: (repetition: number) => number): void {
  const warmUp = Math.ceil(repetitions / 5)
  for (let i = 0; i < warmUp; i++) measureOnce(i)
  const times = Array.from({ length: repetitions }, (_, i) => measureOnce(warmUp + i)).sort((a, b) => a - b)
  const shown = [times[times.length >> 1]!, times[0]!, times.at(-1)!].map((time) => time.toFixed(3).padStart(9))
  console.log(`${what.padEnd(44)} ${unit}  median ${shown[0]}  min ${shown[1]}  max ${shown[2]}`)
}

function elapsedMs(work: () => void): number {
  const start = performance.now()
  work()
  return performance.now() - start
}

const random = randomNumbers(1)
const elements = Float32Array.from({ length: count * dimensions }, random)
const vectors = Array.from({ length: count }, (_, i) => elements.subarray(i * dimensions, (i + 1) * dimensions))
const queries = Array.from({ length: 50 }, () => Float32Array.from({ length: dimensions }, random))

function filled(metric: Metric): VectorIndex {
  const index = flat({ dimensions, metric })
  for (const [label, vector] of vectors.entries()) index.set(label, vector)
  return index
}

console.log(
  `${count} vectors of ${dimensions} dimensions, k = ${K}, ${repetitions} repetitions, Node ${process.version}`,
)
for (const metric of ['cosine', 'l2', 'ip'] as const) {
  const index = filled(metric)
  const search = (k: number, accept?: (label: number) => boolean) => (repetition: number) =>
    elapsedMs(() => index.search(queries[repetition % queries.length]!, k, accept))
  report(`search ${metric}`, 'ms', search(K))
  if (metric !== 'cosine') continue
  report(
    'search cosine, every second accepted',
    'ms',
    search(K, (label) => label % 2 === 0),
  )
  report(
    'search cosine, one of a hundred accepted',
    'ms',
    search(K, (label) => label % 100 === 0),
  )
  report('search cosine, k = 1000', 'ms', search(1000))
  report('search cosine, k = all', 'ms', search(count))
  report('set of a known label', 'µs', (repetition) => {
    const vector = vectors[repetition % count]!
    return elapsedMs(() => {
      for (let label = 0; label < 1000; label++) index.set(label % count, vector)
    })
  })
  report('freeze and release', 'µs', () => 1000 * elapsedMs(() => index.freeze().release()))
  report('set of a known label, first time when frozen', 'µs', (repetition) => {
    const frozen = index.freeze()
    const vector = vectors[repetition % count]!
    const time = elapsedMs(() => {
      for (let i = 0; i < 1000; i++) index.set((i * 97) % count, vector)
    })
    frozen.release()
    return time
  })
}
report('build', 'ms', () => elapsedMs(() => filled('cosine')))

const fingerprint = new SetFingerprint()
const metadata = '{"lang":"en","title":"a title of ordinary length"}'
report('fingerprint add', 'µs', () =>
  elapsedMs(() => {
    for (let i = 0; i < 1000; i++) fingerprint.add({ id: `doc-${i}`, vector: vectors[i % count]!, metadata })
  }),
)
