/** Nodes over an engine that does everything wrong, and after each round all of them agree. */
import '../crash/install-virtual-time.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resetTime } from '../crash/virtual-time.ts'

const { scenario } = await import('./scenario.ts')

const SEEDS = 60

test('nothing acknowledged is lost, doubled or torn, and all nodes hold the same', async () => {
  const happened: Record<string, number> = {}
  for (let seed = 1; seed <= SEEDS; seed++) {
    resetTime()
    for (const [what, count] of Object.entries(await scenario(seed)))
      happened[what] = (happened[what] ?? 0) + count
  }
  for (const what of ['acknowledged', 'unknown', 'winners', 'kills', 'checkpoints', 'jumps', 'settled'])
    assert.ok(happened[what]! > 0, `no run had ${what}: ${JSON.stringify(happened)}`)
})
