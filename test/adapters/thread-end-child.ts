/** Fills a graph, and ends in one of several ways while the graph's thread is adding. */
import { hnswlib } from '../../src/adapters/hnswlib.ts'
import { usearch } from '../../src/adapters/usearch.ts'

const [engine, way, turns] = process.argv.slice(2)
const index = engine === 'hnswlib' ? hnswlib({ dimensions: 32 }) : usearch({ dimensions: 32 })
const vector = new Float32Array(32)
for (let label = 0; label < 20_000; label++) {
  vector[label % 32] = Math.sin(label)
  index.set(label, vector)
}
for (let turn = 0; turn < Number(turns); turn++) {
  if (turn % 3 === 0) await index.search(vector, 10)
  await new Promise((resolve) => setTimeout(resolve, 3))
}
if (way === 'close') await index.close?.()
else if (way === 'exit') process.exit()
// Otherwise nothing is left to do, and nobody waits for the graph.
