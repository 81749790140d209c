/** Fills an index where there is no WebAssembly, and prints what it finds. */
import { DurableIndex, flat } from '../../support/kit.ts'

const [directory] = process.argv.slice(2)
await using index = await DurableIndex.open({ directory: directory!, index: flat({ dimensions: 4 }) })
for (let at = 0; at < 50; at++)
  await index.insert(
    `item ${at}`,
    [at, 1, -at / 7, 0.5],
    at % 2 === 0 ? { at, text: 'ü'.repeat(at) } : undefined,
  )
await index.checkpoint()
const hits = await index.search([3, 1, 2, 0.1], { k: 5 })
process.stdout.write(
  JSON.stringify({
    hasWebAssembly: 'WebAssembly' in globalThis,
    hits: hits.map(({ id, distance }) => ({ id, distance })),
    fingerprint: index.fingerprint(),
  }),
)
