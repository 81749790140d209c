// Serves the route without Next.js, which is far larger than what is shown here: a route handler is a function from Request to Response.
import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { GET, POST } from './app/api/search/route.js'

const handlers = { GET, POST }

const server = createServer(async (incoming, outgoing) => {
  const handler = handlers[incoming.method]
  const body = incoming.method === 'POST' ? await buffer(incoming) : undefined
  const request = new Request(new URL(incoming.url, 'http://127.0.0.1'), { method: incoming.method, body })
  const response = handler
    ? await handler(request).catch((error) => Response.json({ error: error.message }, { status: 500 }))
    : new Response(null, { status: 405 })
  outgoing.writeHead(response.status, Object.fromEntries(response.headers)).end(await response.text())
})
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () =>
  console.log(`listening on port ${server.address().port}`),
)
