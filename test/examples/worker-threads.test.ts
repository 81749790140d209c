import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Example } from './started.ts'

test('an index in a worker answers, leaves the main thread free, and comes back', async (t) => {
  const example = new Example(t, 'worker-threads')
  const [before, durable, searches] = await example.run('main.js')
  assert.equal(before, '0 vectors came back')
  assert.equal(durable, '20000 vectors are durable')
  const [, took, waited] =
    /^100 searches took (\d+) ms; this thread waited (\d+) ms at most$/.exec(searches!) ?? []
  assert.ok(Number(waited) < Number(took) / 2, searches)
  const [again] = await example.run('main.js')
  assert.equal(again, '20000 vectors came back')
})
