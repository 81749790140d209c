import Fastify from 'fastify'
import { DurableIndex, flat, WalError } from 'walv'
import { DIMENSIONS, embed } from '../embed.js'

const directory = process.env.DATA ?? './data'
const port = Number(process.env.PORT ?? 3000)

// Nothing listens before everything that was acknowledged is back.
const passages = await DurableIndex.open({ directory, index: flat({ dimensions: DIMENSIONS }) })
const app = Fastify()

const passage = { type: 'object', required: ['text'], properties: { text: { type: 'string', minLength: 1 } } }
const question = {
  type: 'object',
  required: ['question'],
  properties: { question: { type: 'string' }, k: { type: 'integer', minimum: 1, maximum: 20 } },
}

// The answer is sent when the passage is on the disk.
app.put('/passages/:id', { schema: { body: passage } }, async ({ params, body }, reply) => {
  await passages.upsert(params.id, await embed(body.text), { text: body.text })
  return reply.code(204).send()
})

app.delete('/passages/:id', async ({ params }, reply) =>
  reply.code((await passages.delete(params.id)) ? 204 : 404).send(),
)

app.post('/ask', { schema: { body: question } }, async ({ body }) => {
  const hits = await passages.search(await embed(body.question), { k: body.k ?? 3 })
  const found = hits.map(({ id, distance, metadata }) => ({ id, distance, text: metadata.text }))
  const context = found.map(({ id, text }) => `[${id}] ${text}`).join('\n')
  // This is what you send to your language model.
  return { prompt: `Answer from these passages only:\n${context}\n\nQuestion: ${body.question}`, found }
})

app.get('/ready', async (_request, reply) => {
  const { poisoned, size } = passages.stats()
  return reply.code(poisoned ? 503 : 200).send({ ready: !poisoned, passages: size })
})

// What the client may try again is told apart from what it must not.
app.setErrorHandler((error, _request, reply) => {
  if (!(error instanceof WalError)) return reply.send(error)
  const status = { WALV_DISK_FULL: 507, WALV_LIMIT: 413 }[error.code] ?? 500
  return reply.code(status).send({ code: error.code, message: error.message, fate: error.fate })
})

// Requests under way are answered first, then the log is closed.
app.addHook('onClose', () => passages.close())
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close())

await app.listen({ port, host: '127.0.0.1' })
console.log(`${passages.size} passages, listening on port ${app.server.address().port}`)
