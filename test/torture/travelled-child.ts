/** Changes an index without end, and tells what it is after each change, until it is killed. */
import { DurableIndex, flat } from '../../src/mod.ts'

const [directory, seedText] = process.argv.slice(2)
process.on('disconnect', () => process.exit())
const index = await DurableIndex.open({
  directory: directory!,
  index: flat({ dimensions: 2, metric: 'l2' }),
  checkpointIntervalEntries: 40,
  checkpointRetention: 4,
  segmentMaxBytes: 64 * 1024,
})
// The record of a checkpoint that is not durable yet may lose its number to another.
const tell = (): unknown => process.send!([index.stats().durableSeq, index.fingerprint()])
tell()
for (let at = Number(seedText) * 1_000_000; ; at++) {
  const id = `id-${at % 17}`
  const text = 'x'.repeat((at * 7919) % 3_000)
  if (at % 5 === 0) await index.delete(id)
  else if (at % 7 === 0)
    await index.transaction(async (transaction) => {
      await transaction.upsert(id, [at % 100, 1], { at, text })
      await transaction.upsert(`other-${at % 3}`, [1, at % 100], { at })
    })
  else await index.upsert(id, [at % 100, 0], { at, text })
  // No checkpoint that is taken meanwhile changes what the index is.
  tell()
}
