import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { flat, openIndex, Random, temporaryDirectory } from '../../support/kit.ts'

const CHILD = fileURLToPath(new URL('./once-child.js', import.meta.url))
const STEPS = 150
const KILLS = 6

test('whoever asks again with its key, after whatever kill, has asked once', async (t) => {
  const directory = await temporaryDirectory(t)
  const random = new Random(7)
  const start = () => spawn(process.execPath, [CHILD, directory, String(STEPS)], { stdio: 'pipe' })
  for (let kills = 0; kills < KILLS; kills++) {
    // Two at once, of which one dies somewhere.
    const children = [start(), start()]
    await delay(300 + random.below(900))
    for (const child of children) {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    }
  }
  const last = start()
  const [code] = await once(last, 'exit')
  assert.equal(code, 0)
  const index = await openIndex(t, { directory, index: flat({ dimensions: 1 }) })
  assert.equal(index.get('counter')?.metadata, STEPS)
})
