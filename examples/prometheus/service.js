/** A vector service with the four endpoints that operations ask for: metrics, readiness, health, and the work itself. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { DurableIndex } from 'walv'
import { instrument } from 'walv/otel'

/** Listens at once, and opens the index meanwhile: until that is done, `/ready` says so. `options` are those of `DurableIndex.open`. */
export async function startService({ port, ...options }) {
  const exporter = new PrometheusExporter({ preventServerStart: true })
  const meterProvider = new MeterProvider({ readers: [exporter] })
  // Before the first index is opened: what is open already has no gauges.
  const telemetry = instrument({ meterProvider })

  let index
  let failure = 'recovering'
  const opened = DurableIndex.open(options).then(
    (result) => {
      index = result
    },
    (error) => {
      failure = error.message
    },
  )

  /** What keeps requests from being served, if anything does. An open index is a recovery that is proved. */
  const notReady = () => {
    if (index === undefined) return failure
    return index.stats().poisoned ? 'a write or sync failed: close the index and open it again' : undefined
  }

  const routes = {
    'GET /metrics': (request, response) => exporter.getMetricsRequestHandler(request, response),
    'GET /ready': (_, response) => {
      const reason = notReady()
      answer(response, reason === undefined ? 200 : 503, { ready: reason === undefined, reason })
    },
    'GET /health': async (_, response) => {
      const health = index ? await index.health() : { level: 'fail', checks: [], reason: failure }
      answer(response, health.level === 'fail' ? 503 : 200, health)
    },
    'POST /vectors': async (request, response) => {
      const reason = notReady()
      if (reason !== undefined) return answer(response, 503, { error: reason })
      const { id, vector, metadata } = await json(request)
      await index.upsert(id, vector, metadata)
      answer(response, 201, { id })
    },
    'POST /search': async (request, response) => {
      const reason = notReady()
      if (reason !== undefined) return answer(response, 503, { error: reason })
      const { vector, k } = await json(request)
      answer(response, 200, await index.search(vector, { k }))
    },
  }

  const server = createServer(async (request, response) => {
    const route = routes[`${request.method} ${request.url}`]
    try {
      if (route) await route(request, response)
      else answer(response, 404, { error: `There are: ${Object.keys(routes).join(', ')}` })
    } catch (error) {
      const isCallers = error instanceof SyntaxError || error.code?.startsWith('WALV_INVALID_')
      answer(response, isCallers ? 400 : 500, { error: error.message, code: error.code })
    }
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')

  return {
    url: `http://127.0.0.1:${server.address().port}`,
    async close() {
      server.close()
      server.closeAllConnections()
      await opened
      await index?.close()
      telemetry.disable()
      await meterProvider.shutdown()
    },
  }
}

function answer(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
}
