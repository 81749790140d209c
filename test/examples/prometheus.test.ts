/**
 * The example of examples/prometheus, run as its user would, and the dashboard that comes with it.
 * Needs `npm run build`: it imports the package.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parser } from '@prometheus-io/lezer-promql'
import { dashboard } from '../../examples/prometheus/dashboard.ts'
import { closing, type DurableIndexOptions, FailingDisk, flat, temporaryDirectory } from '../support/kit.ts'

const EXAMPLE = new URL('../../../examples/prometheus/', import.meta.url)
const SEGMENT = /segment-\d+\.walv$/
const VECTORS = 12

interface Service {
  readonly url: string
  close(): Promise<void>
}

interface Reply {
  readonly status: number
  readonly body: Record<string, unknown>
}

async function ask(url: string, body?: object): Promise<Reply> {
  const response = await fetch(url, body && { method: 'POST', body: JSON.stringify(body) })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

/** Asks again until it is answered like this; fails after 10 s. */
async function untilAsked<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (const started = performance.now(); ; await delay(20)) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() - started > 10_000) throw new Error(`still not so after 10 s: ${look}`)
  }
}

const untilStatus = (url: string, status: number): Promise<Reply> =>
  untilAsked(async () => {
    const reply = await ask(url)
    return reply.status === status ? reply : undefined
  })

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

/** The server as a process of its own, and where it listens. */
async function runServer(t: TestContext): Promise<{ url: string; child: ChildProcess }> {
  const env = {
    ...process.env,
    PORT: '0',
    DIRECTORY: await temporaryDirectory(t),
    CHECKPOINT_INTERVAL_ENTRIES: '5',
  }
  const program = fileURLToPath(new URL('server.js', EXAMPLE))
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  closing(t, { close: () => stop(child) })
  for await (const line of createInterface({ input: child.stdout! })) {
    const url = /^listening on (http:\/\/127\.0\.0\.1:\d+)$/.exec(line)?.[1]
    if (url) return { url, child }
  }
  throw new Error('the server ended without listening')
}

/** The service in this process, whose disk fails and waits as it is told. */
async function startOn(t: TestContext, disk: FailingDisk): Promise<Service> {
  const { startService } = (await import(new URL('service.js', EXAMPLE).href)) as {
    startService(options: DurableIndexOptions & { port: number }): Promise<Service>
  }
  const directory = await temporaryDirectory(t)
  return closing(t, await startService({ port: 0, directory, disk, index: flat({ dimensions: 3 }) }))
}

/** Names of the series that an exposition has samples of. */
const seriesIn = (exposition: string): Set<string> =>
  new Set(exposition.split('\n').flatMap((line) => /^([a-zA-Z_:][\w:]*)[{ ]/.exec(line)?.[1] ?? []))

/** Names of the metrics in a query of PromQL, which has to parse. */
function metricsIn(query: string): string[] {
  const plain = query.replaceAll('$__rate_interval', '5m')
  const found: string[] = []
  parser.parse(plain).iterate({
    enter({ type, from, to }) {
      assert.ok(!type.isError, `${query} is no PromQL at ${from}`)
      if (type.name === 'Identifier') found.push(plain.slice(from, to))
    },
  })
  return found
}

/** The expressions of the alerts in docs/operations.md that are about walv. */
function alerts(): string[] {
  const page = readFileSync(new URL('../../docs/operations.md', EXAMPLE), 'utf8')
  const section = page.split(/^## /m).find((each) => each.startsWith('Alerts\n'))!
  return [...section.matchAll(/`([^`]*\bwalv_[a-z][^`]*)`/g)].map((match) => match[1]!)
}

/** Every query of a dashboard, those of its variables included. */
function queriesIn({ panels, templating }: ReturnType<typeof dashboard>): string[] {
  const targets = panels!.flatMap((panel) => ('targets' in panel ? (panel.targets ?? []) : []))
  const queries = targets.map((target) => (target as { expr?: string }).expr!)
  const variables = templating!.list!.flatMap(
    ({ query }) => /^label_values\((.*), \w+\)$/.exec(String(query))?.[1] ?? [],
  )
  return [...queries, ...variables]
}

test('the dashboard is what the builders of Grafana’s schema make of it, and queries only what the running example exports', async (t) => {
  const { url, child } = await runServer(t)
  await untilStatus(`${url}/ready`, 200)
  for (let count = 0; count < VECTORS; count++) {
    const reply = await ask(`${url}/vectors`, {
      id: `doc-${count}`,
      vector: [1, count, 2],
      metadata: { count },
    })
    assert.deepEqual(reply, { status: 201, body: { id: `doc-${count}` } })
  }
  const exposition = await untilAsked(async () => {
    const text = await (await fetch(`${url}/metrics`)).text()
    return text.includes('walv_checkpoint_age{') && text.includes('walv_checkpoint_duration_count{')
      ? text
      : undefined
  })
  assert.match(exposition, new RegExp(`^walv_index_vectors\\{.*\\} ${VECTORS}$`, 'm'))
  assert.match(exposition, /^walv_poisoned\{.*\} 0$/m)
  const series = seriesIn(exposition)

  const file: ReturnType<typeof dashboard> = JSON.parse(
    readFileSync(new URL('grafana-dashboard.json', EXAMPLE), 'utf8'),
  )
  const built: unknown = JSON.parse(JSON.stringify(dashboard()))
  assert.deepEqual(
    file,
    built,
    'write it anew: node build/examples/prometheus/dashboard.js > examples/prometheus/grafana-dashboard.json',
  )
  const queries = queriesIn(file)
  assert.ok(queries.length > file.panels!.length, 'every panel has a query')
  assert.ok(alerts().length > 5)
  for (const query of [...queries, ...alerts()]) {
    const metrics = metricsIn(query)
    assert.ok(metrics.length > 0, query)
    for (const metric of metrics) assert.ok(series.has(metric), `${metric} is not exported: ${query}`)
  }
  const walv = [...series].filter((name) => name.startsWith('walv_') && !name.endsWith('_bucket'))
  const shown = new Set(queries.flatMap(metricsIn).map((name) => name.replace(/_bucket$/, '_count')))
  const hidden = walv.filter((name) => !shown.has(name) && !shown.has(name.replace(/_sum$/, '_count')))
  assert.deepEqual(hidden, [], 'every metric is on the dashboard')

  const health = await ask(`${url}/health`)
  assert.deepEqual([health.status, (health.body.checks as unknown[]).length], [200, 7])
  const hits = await ask(`${url}/search`, { vector: [1, 3, 2], k: 1 })
  assert.equal((hits.body as unknown as { id: string }[])[0]!.id, 'doc-3')
  assert.equal((await ask(`${url}/vectors`, { id: 'x', vector: [1] })).body.code, 'WALV_INVALID_VECTOR')
  await stop(child)
  assert.deepEqual([child.exitCode, child.signalCode], [0, null])
})

test('the service is not ready until recovery is proved, and no more once a sync has failed', async (t) => {
  const disk = new FailingDisk()
  const hold = disk.hold('sync', /segment-\d+\.walv\.tmp$/)
  const { url } = await startOn(t, disk)
  await hold.reached
  assert.deepEqual(await ask(`${url}/ready`), { status: 503, body: { ready: false, reason: 'recovering' } })
  assert.equal((await ask(`${url}/vectors`, { id: 'a', vector: [1, 2, 3] })).status, 503)
  assert.equal((await ask(`${url}/health`)).status, 503)
  hold.release()
  assert.deepEqual(await untilStatus(`${url}/ready`, 200), { status: 200, body: { ready: true } })
  assert.equal((await ask(`${url}/vectors`, { id: 'a', vector: [1, 2, 3] })).status, 201)

  disk.fail({ operation: 'sync', path: SEGMENT, code: 'EIO' })
  const failed = await ask(`${url}/vectors`, { id: 'b', vector: [1, 2, 3] })
  assert.deepEqual([failed.status, failed.body.code], [500, 'WALV_IO'])
  const { status, body } = await ask(`${url}/ready`)
  assert.deepEqual([status, body.ready], [503, false])
  const health = await ask(`${url}/health`)
  assert.deepEqual([health.status, health.body.level], [503, 'fail'])
  assert.match(await (await fetch(`${url}/metrics`)).text(), /^walv_poisoned\{.*\} 1$/m)
})

test('an index that cannot be opened is told as not ready, with the reason', async (t) => {
  const disk = new FailingDisk()
  disk.fail({ operation: 'lock', code: 'EACCES' })
  const { url } = await startOn(t, disk)
  const { body } = await untilAsked(async () => {
    const reply = await ask(`${url}/ready`)
    return reply.body.reason === 'recovering' ? undefined : reply
  })
  assert.equal(body.ready, false)
  assert.match(String(body.reason), /EACCES/)
})
