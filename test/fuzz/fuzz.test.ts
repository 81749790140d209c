/**
 * A bounded run of every target, what earlier runs found, and whether the fuzzer finds what was
 * planted. `npm run fuzz` goes on for as long as one likes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCampaign } from './campaign.ts'
import { foundInputs } from './found.ts'
import { Fuzzer } from './fuzzer.ts'
import { minimize } from './minimize.ts'
import { plantedTargets } from './planted.ts'
import type { Target } from './target.ts'
import { targets } from './targets.ts'

const SEED = 1
/** As many as take one or two seconds of a processor. */
const INPUTS: Readonly<Record<string, number>> = {
  'v2-frame': 20_000,
  'v2-header': 20_000,
  metadata: 20_000,
  'v2-log': 1_500,
  'v2-repair': 200,
  snapshot: 4_000,
  'v1-payload': 20_000,
  'v1-log': 4_000,
  'v1-convert': 500,
}

for (const target of targets) {
  test(`${target.name}: whatever the input, it is read or refused by name`, async () => {
    const inputs = INPUTS[target.name]!
    const fuzzer = new Fuzzer(target, { seed: SEED, goOn: (executions) => executions < inputs })
    const found = await fuzzer.run()
    if (found) {
      const input = await minimize(target, found.input, found.error)
      const hex = Buffer.from(input).toString('hex')
      assert.fail(`${found.error.stack}\nseed ${SEED}, input ${fuzzer.executions}, minimized:\n${hex}`)
    }
    assert.ok(fuzzer.executions >= inputs)
    assert.ok(fuzzer.corpus.length > (await target.seeds()).length, 'mutated inputs do what the seeds do not')
  })
}

const named = (name: string, among: readonly Target[]): Target =>
  among.find((target) => target.name === name)!

for (const { file, input } of foundInputs()) {
  test(`${file}: what once found a defect is read or refused by name`, async () => {
    assert.ok(await named(file.split('.')[0]!, targets).run(input))
  })
}

test('with coverage the fuzzer gets past four bytes that must be right at once, and shortens what it found', async () => {
  const { finding } = await runCampaign({ name: 'planted-throw', seed: SEED, maxInputs: 200_000 })
  assert.match(finding?.error ?? '', /the magic is there/)
  assert.equal(Buffer.from(finding!.input).toString('hex'), '10204080')
})

test('without coverage it does not', async () => {
  const goOn = (executions: number): boolean => executions < 200_000
  assert.equal(
    await new Fuzzer(named('planted-throw', plantedTargets), { seed: SEED, goOn }).run(),
    undefined,
  )
})

test('an input that is never done with, takes all memory, or more work than its length allows is a finding', async () => {
  const campaign = { seed: SEED, maxInputs: 200_000, hangMs: 5_000, maxHeapMib: 128 }
  const hang = await runCampaign({ ...campaign, name: 'planted-hang' })
  assert.match(hang.finding?.error ?? '', /nothing came of it within 5000 ms/)
  assert.equal(hang.finding?.input[0], 0xff)
  const bloat = await runCampaign({ ...campaign, name: 'planted-bloat' })
  assert.match(bloat.finding?.error ?? '', /heap out of memory/)
  assert.equal(bloat.finding?.input[0], 0xff)
  const square = await runCampaign({ ...campaign, name: 'planted-square' })
  assert.match(square.finding?.error ?? '', /steps for \d+ bytes/)
})
