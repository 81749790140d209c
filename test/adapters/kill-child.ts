/**
 * Inserts words into a durable usearch index, tells each acknowledgement, and goes on until it is
 * killed.
 */
import { usearch } from '../../src/adapters/usearch.ts'
import { DurableIndex } from '../../src/mod.ts'
import { killVector } from './kill-vector.ts'

const [directory, from] = process.argv.slice(2)
process.on('disconnect', () => process.exit())
const index = await DurableIndex.open({
  directory: directory!,
  index: usearch({ dimensions: killVector(0).length }),
  checkpointIntervalEntries: 150,
})
for (let at = Number(from); ; at += 16) {
  const numbers = Array.from({ length: 16 }, (_, place) => at + place)
  await Promise.all(
    numbers.map(async (number) => {
      await index.insert(`id-${number}`, killVector(number), { number })
      if (number % 5 === 0) await index.update(`id-${number}`, { vector: killVector(number + 1) })
      process.send!({ number, checkpoints: index.stats().checkpoints })
    }),
  )
}
