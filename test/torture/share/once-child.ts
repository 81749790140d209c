/**
 * Does the same changes as others, in their order, each under a key of its own; it may be killed.
 */
import { DurableIndex, flat, type WalError } from '../../../src/mod.ts'

const [directory, count] = process.argv.slice(2) as [string, string]
const index = await DurableIndex.open({ directory, index: flat({ dimensions: 1 }), share: true })

async function once(step: number): Promise<void> {
  for (;;) {
    try {
      await index.transaction(
        async (transaction) => {
          const counter = await transaction.get('counter')
          await transaction.upsert('counter', [0], ((counter?.metadata as number | undefined) ?? 0) + 1)
        },
        { idempotencyKey: `step-${step}` },
      )
      return
    } catch (error) {
      // Others have counted meanwhile.
      if ((error as WalError).code !== 'WALV_CONFLICT') throw error
    }
  }
}

for (let step = 0; step < Number(count); step++) await once(step)
process.stdout.write(`${index.get('counter')!.metadata}\n`)
await index.close()
