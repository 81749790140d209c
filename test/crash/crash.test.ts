import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explore, type Violation } from '../../src/testing/explore.ts'
import type { SimulatedDisk } from '../../src/testing/simulated-disk.ts'
import { checkPrefix, type Facts } from './model.ts'
import { contentOf, indexWorkload, openIndex } from './workloads.ts'

/** Opens what a crash left, as any process would; and again: the second recovery must change nothing. */
async function verify(disk: SimulatedDisk, facts: Facts | undefined): Promise<void> {
  const index = await openIndex(disk)
  const found = contentOf(index)
  const fingerprint = index.fingerprint()
  checkPrefix(facts, found)
  // Without rot, a torn tail is all that a power cut can leave.
  assert.deepEqual(
    index.recovery.damage.filter(({ kind }) => kind !== 'torn-tail'),
    [],
  )
  await index.close()
  const again = await openIndex(disk)
  assert.equal(again.fingerprint(), fingerprint, 'a second recovery finds something else')
  await again.close()
}

const tell = ({ seed, afterOperations, choice, second, error, story }: Violation): string =>
  [
    `seed ${seed}, cut after ${afterOperations} operations, ${JSON.stringify(choice)}`,
    second && `cut again ${JSON.stringify(second)}`,
    error.stack,
    ...story,
  ]
    .filter(Boolean)
    .join('\n')

const SEEDS = Number(process.env.WALV_CRASH_SEEDS ?? 6)
const FIRST = Number(process.env.WALV_CRASH_SEED ?? 1)

for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
  test(`seed ${seed}: whatever a power cut leaves, an index comes back as a prefix with all that was acknowledged`, async () => {
    const found = await explore<Facts>({ seed, run: (disk, witness) => indexWorkload(disk, witness, seed, 25), verify })
    assert.equal(found.violations.length, 0, found.violations.map(tell).join('\n\n'))
    assert.ok(found.states > 100)
    console.log(JSON.stringify({ seed, cuts: found.cuts, states: found.states }))
  })
}
