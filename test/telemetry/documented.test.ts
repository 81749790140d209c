/**
 * docs/telemetry.md names what there is, and its code is compiled: it stands in `samples`, word for
 * word.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as diagnostics from '../../src/diagnostics.ts'
import { thresholdsOf } from '../../src/log/health.ts'

const root = new URL('../../../', import.meta.url)
const textOf = (path: string): string => readFileSync(new URL(path, root), 'utf8')
const page = textOf('docs/telemetry.md')

/** What stands between backticks in the first column of the page's tables and begins like this. */
const listed = (beginning: RegExp): string[] =>
  [...page.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1]!).filter((name) => beginning.test(name))

test('every sample of code is compiled with the tests, and every such sample is there', () => {
  const asDocumented = (name: string): string =>
    textOf(`test/telemetry/samples/${name}`)
      .replaceAll("'../../../src/adapters/otel.ts'", "'walv/otel'")
      .replaceAll("'../../../src/mod.ts'", "'walv'")
  const samples = readdirSync(new URL('test/telemetry/samples/', root)).map(asDocumented)
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1]!)
  assert.ok(samples.length > 0)
  assert.deepEqual(blocks.sort(), samples.sort())
})

test('every channel is listed, and no other', () => {
  const channels = Object.values(diagnostics).flatMap((exported) => {
    if ('name' in exported && String(exported.name).startsWith('walv:')) return [String(exported.name)]
    if ('asyncEnd' in exported) return [String(exported.asyncEnd.name).replace(/:asyncEnd$/, '')]
    return []
  })
  assert.ok(channels.length > 10)
  assert.deepEqual(listed(/^(tracing:)?walv:/).sort(), channels.sort())
})

test('every metric is listed, and no other', () => {
  const source = textOf('src/adapters/otel/metrics.ts')
  const metrics = [...source.matchAll(/create(?:Counter|Histogram|ObservableGauge)\('([^']+)'/g)].map(
    (match) => match[1]!,
  )
  assert.ok(metrics.length > 10)
  assert.deepEqual(listed(/^walv\./).sort(), metrics.sort())
})

test('every threshold is listed with its default', () => {
  const HOUR_MS = 3_600_000
  const asText = (name: string, value: number): string => {
    if (name.endsWith('Bytes'))
      return value >= 1024 ** 3 ? `${value / 1024 ** 3} GiB` : `${value / 1024 ** 2} MiB`
    if (value >= 48 * HOUR_MS) return `${value / HOUR_MS / 24} days`
    if (value === HOUR_MS) return '1 hour'
    return value >= HOUR_MS ? `${value / HOUR_MS} hours` : value.toLocaleString('en')
  }
  const { checkpointMinEntries, ...thresholds } = thresholdsOf({})
  assert.ok(page.includes(`\`checkpointMinEntries\` (${checkpointMinEntries.toLocaleString('en')})`))
  for (const [name, value] of Object.entries(thresholds)) {
    assert.ok(page.includes(`\`${name}\`: ${asText(name, value)} |`), `${name}: ${asText(name, value)}`)
  }
})
