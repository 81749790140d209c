import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Hit } from '../support/kit.ts'
import { Example, send } from './started.ts'

test('the route handler stores and finds, also after kill -9', async (t) => {
  const example = new Example(t, 'next-route')
  const first = await example.serve('serve.js')
  const created = await send('POST', `${first.url}/api/search`, { id: 'bees', text: 'Bees dance.' })
  assert.deepEqual(created, { status: 201, answer: { id: 'bees' } })
  await first.kill()

  const second = await example.serve('serve.js')
  const { answer } = await send<Hit[]>('GET', `${second.url}/api/search?q=bees+dance`)
  assert.equal(answer.length, 1)
  assert.deepEqual([answer[0]?.id, answer[0]?.metadata], ['bees', { text: 'Bees dance.' }])
  assert.equal((await send('GET', `${second.url}/api/search`)).status, 400)
  assert.equal((await send('DELETE', `${second.url}/api/search`)).status, 405)
})
