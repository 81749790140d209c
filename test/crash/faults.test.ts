import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultsOf, runWithFault } from './faults.ts'

const STEPS = 14
const SEEDS = [1, 2, 3]

for (const seed of SEEDS) {
  test(`seed ${seed}: each operation fails once, in each way it can, and the contract holds`, async () => {
    const operations = await runWithFault(seed, STEPS, -1, undefined)
    assert.ok(operations.length > 100)
    let runs = 0
    const failures: string[] = []
    for (const operation of operations) {
      for (const fault of faultsOf(operation)) {
        runs++
        await runWithFault(seed, STEPS, operation.number, fault).catch((error: Error) => {
          failures.push(
            `seed ${seed}, operation ${operation.number} (${operation.kind} ${operation.path}), ${JSON.stringify(fault)}: ${error.stack}`,
          )
        })
      }
    }
    assert.ok(runs > operations.length)
    assert.equal(failures.length, 0, failures.slice(0, 5).join('\n\n'))
  })
}
