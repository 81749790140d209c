import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { flat, openIndex, temporaryDirectory } from '../../support/kit.ts'

const CHILD = fileURLToPath(new URL('./without-child.js', import.meta.url))

test('without WebAssembly an index is the same, and what it wrote is proved with it', async (t) => {
  const directory = await temporaryDirectory(t)
  const told = JSON.parse(
    execFileSync(process.execPath, ['--jitless', CHILD, directory], { encoding: 'utf8' }),
  )
  assert.equal(told.hasWebAssembly, false)
  const index = await openIndex(t, { directory, index: flat({ dimensions: 4 }) })
  assert.equal(index.recovery.fromSnapshot, 50)
  assert.equal(index.fingerprint(), told.fingerprint)
  const hits = await index.search([3, 1, 2, 0.1], { k: 5 })
  assert.deepEqual(
    hits.map(({ id, distance }) => ({ id, distance })),
    told.hits,
  )
})
