/** Uses an index with its graph in a thread, and never closes it. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { usearch } from '../../src/adapters/usearch.ts'
import type { VectorIndex } from '../../src/mod.ts'
import { vectorsOf } from './engines.ts'

const [way] = process.argv.slice(2)
const vectors = vectorsOf(16, 3_000)
const filled = (): VectorIndex => {
  const index = usearch({ dimensions: 16 })
  for (const [label, vector] of vectors.entries()) index.set(label, vector)
  return index
}
const threads = (): number => readdirSync('/proc/self/task').length

if (way === 'waits') {
  const index = filled()
  await index.caughtUp!()
  const [hit] = await index.search(vectors[7]!, 1)
  assert.equal(hit!.label, 7)
  console.log('answered')
}
if (way === 'leaves') filled()
if (way === 'forgets') {
  const collect = (globalThis as { gc?: () => void }).gc!
  const without = threads()
  await (async () => filled().caughtUp!())()
  assert.ok(threads() > without)
  for (let tries = 0; tries < 200 && threads() > without; tries++) {
    collect()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.equal(threads(), without)
  console.log('forgotten')
}
