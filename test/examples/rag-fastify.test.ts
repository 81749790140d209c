import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Example, send } from './started.ts'

interface Answer {
  readonly prompt: string
  readonly found: readonly { readonly id: string; readonly text: string }[]
}

test('what the RAG service has answered for is found after kill -9', async (t) => {
  const example = new Example(t, 'rag-fastify')
  const first = await example.serve('server.js')
  const texts = {
    bees: 'Bees dance to tell each other where the flowers are.',
    tea: 'Tea is best without sugar.',
  }
  for (const [id, text] of Object.entries(texts))
    assert.equal((await send('PUT', `${first.url}/passages/${id}`, { text })).status, 204)
  assert.equal((await send('PUT', `${first.url}/passages/gone`, { text: 'bees dance too' })).status, 204)
  assert.equal((await send('DELETE', `${first.url}/passages/gone`)).status, 204)
  assert.equal((await send('DELETE', `${first.url}/passages/gone`)).status, 404)
  assert.equal((await send('PUT', `${first.url}/passages/empty`, {})).status, 400)
  await first.kill()

  const second = await example.serve('server.js')
  assert.match(second.greeting, /^2 passages,/)
  assert.deepEqual((await send('GET', `${second.url}/ready`)).answer, { ready: true, passages: 2 })
  const { answer } = await send<Answer>('POST', `${second.url}/ask`, { question: 'Why do bees dance?', k: 1 })
  assert.deepEqual(
    answer.found.map(({ id, text }) => [id, text]),
    [['bees', texts.bees]],
  )
  assert.ok(answer.prompt.includes(texts.bees) && answer.prompt.endsWith('Why do bees dance?'))

  second.child.kill('SIGTERM')
  assert.deepEqual(await once(second.child, 'exit'), [0, null])
})
