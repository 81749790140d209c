/**
 * Takes a checkpoint where the engine's file may not become as long as it would be; the log itself
 * is in memory. Ends with 0 if that failed by name, and nothing else did.
 */
import assert from 'node:assert/strict'
import { DurableIndex } from '../../src/mod.ts'
import { SimulatedDisk } from '../../src/testing/mod.ts'
import { ENGINES, vectorsOf } from './engines.ts'

const DIMENSIONS = 16
const { make } = ENGINES[process.argv[2]!]!

const options = { directory: '/data', disk: new SimulatedDisk(), checkpointIntervalEntries: false } as const
const index = await DurableIndex.open({ ...options, index: make({ dimensions: DIMENSIONS }) })
const vectors = vectorsOf(DIMENSIONS, 1500, 1)
await Promise.all(vectors.map((vector, at) => index.insert(`id-${at}`, vector)))
await index.caughtUp()
await assert.rejects(index.checkpoint(), { code: 'WALV_IO', message: /could not write its graph.*TMPDIR/ })
await index.insert('one-more', vectors[0]!)
await index.close()

const again = await DurableIndex.open({ ...options, index: make({ dimensions: DIMENSIONS }) })
assert.equal(again.size, vectors.length + 1)
await again.close()
