/** What OpenTelemetry's own SDK collects of real logs, on this machine's disk. */
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { type TestContext, test } from 'node:test'
import {
  type Attributes,
  type Context,
  type ContextManager,
  context,
  ROOT_CONTEXT,
  trace,
} from '@opentelemetry/api'
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { instrument } from '../../src/adapters/otel.ts'
import {
  alter,
  appendAll,
  FailingDisk,
  flat,
  frameOf,
  insert,
  insertOf,
  names,
  openIndex,
  openWal,
  refusal,
  segmentsIn,
  temporaryDirectory,
  Wal,
  writeLog,
} from '../support/kit.ts'

const SEGMENT = /segment-\d+\.walv$/

interface Collected {
  readonly unit: string
  readonly points: readonly { readonly attributes: Attributes; readonly value: unknown }[]
}

/** The SDK with everything in memory, and walv told to feed it. */
async function telemetry(t: TestContext, temporality = AggregationTemporality.CUMULATIVE) {
  const exporter = new InMemoryMetricExporter(temporality)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const spans = new InMemorySpanExporter()
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
  const instrumentation = instrument({ meterProvider, tracerProvider })
  t.after(async () => {
    instrumentation.disable()
    await meterProvider.shutdown()
    await tracerProvider.shutdown()
  })

  /** Every metric by its name, as of now. */
  const collect = async (): Promise<Map<string, Collected>> => {
    exporter.reset()
    await meterProvider.forceFlush()
    const metrics = exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    return new Map(
      metrics.map(({ descriptor, dataPoints }) => [
        descriptor.name,
        { unit: descriptor.unit, points: dataPoints },
      ]),
    )
  }
  const pointOf = async (name: string, attributes: Attributes): Promise<DataPoint<unknown> | undefined> =>
    (await collect())
      .get(name)
      ?.points.find((point) =>
        Object.entries(attributes).every(([key, value]) => point.attributes[key] === value),
      ) as DataPoint<unknown> | undefined
  return {
    instrumentation,
    tracerProvider,
    collect,
    figureOf: async (name: string, attributes: Attributes) => (await pointOf(name, attributes))?.value,
    histogramOf: async (name: string, attributes: Attributes) =>
      (await pointOf(name, attributes))?.value as Histogram | undefined,
    spansOf: (directory: string): ReadableSpan[] =>
      spans.getFinishedSpans().filter(({ attributes }) => attributes['walv.directory'] === directory),
  }
}

test('appends, their bytes, groups and syncs are counted and measured', async (t) => {
  const directory = await temporaryDirectory(t)
  const { figureOf, histogramOf } = await telemetry(t)
  const log = { 'walv.directory': directory }
  const wal = await openWal(t, { directory })
  await appendAll(wal, names('id', 10))
  await wal.append(insert('last'))
  assert.equal(await figureOf('walv.appends', log), 11)
  assert.equal(await figureOf('walv.append.bytes', log), 11 * 72)
  const groups = (await histogramOf('walv.group.size', log))!
  assert.deepEqual([groups.count, groups.sum, groups.min, groups.max], [2, 11, 1, 10])
  const syncs = (await histogramOf('walv.sync.duration', log))!
  assert.equal(syncs.count, wal.stats().syncs)
  assert.ok(syncs.min! > 0 && syncs.max! < 10, 'in seconds')
  assert.equal(syncs.buckets.boundaries[0], 1e-4)
})

test('the gauges are those of what is open for writing, of an index with its log the index', async (t) => {
  const directory = await temporaryDirectory(t)
  // The SDK repeats what it once observed, unless it tells only what is new.
  const { figureOf, collect } = await telemetry(t, AggregationTemporality.DELTA)
  const log = { 'walv.directory': directory }
  const index = await openIndex(t, { directory, index: flat({ dimensions: 3 }) })
  await index.insert('a', [1, 2, 3])
  await using reader = await Wal.open({ directory, readOnly: true })
  assert.equal(reader.stats().segments, 1)
  assert.equal(await figureOf('walv.log.size', log), index.stats().bytes)
  assert.equal(await figureOf('walv.log.segments', log), 1)
  assert.equal(await figureOf('walv.log.pending', log), 0)
  assert.equal(await figureOf('walv.poisoned', log), 0)
  assert.equal(await figureOf('walv.index.vectors', log), 1)
  assert.equal(await figureOf('walv.checkpoint.age', log), undefined)
  await index.checkpoint()
  const age = (await figureOf('walv.checkpoint.age', log)) as number
  assert.ok(age >= 0 && age < 60, `${age} s`)
  const units = [...(await collect())].map(([name, { unit }]) => `${name} ${unit}`)
  assert.ok(units.includes('walv.checkpoint.age s') && units.includes('walv.log.size By'), units.join(', '))
  await index.close()
  assert.equal(await figureOf('walv.log.size', log), undefined)
})

test('what waits to be written is told while it waits', async (t) => {
  const directory = await temporaryDirectory(t)
  const { figureOf } = await telemetry(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory, disk })
  const hold = disk.hold('sync', SEGMENT)
  const appended = wal.append(insert('a'))
  await hold.reached
  assert.equal(await figureOf('walv.log.pending', { 'walv.directory': directory }), 72)
  hold.release()
  await appended
})

test('rotations, retired segments, checkpoints and recoveries are recorded; what failed with its code', async (t) => {
  const directory = await temporaryDirectory(t)
  const { figureOf, histogramOf } = await telemetry(t)
  const log = { 'walv.directory': directory }
  const wal = await openWal(t, { directory, checkpointRetention: 1 })
  await wal.append(insertOf('fills-the-first', 240_000))
  await wal.append(insertOf('in-the-second', 60_000))
  await wal.checkpoint({ seq: 1, snapshot: async () => null })
  await assert.rejects(wal.checkpoint({ seq: 99, snapshot: async () => null }))
  await assert.rejects(Wal.open({ directory }), refusal('WALV_LOCKED'))
  assert.equal(await figureOf('walv.rotations', log), 1)
  assert.equal(await figureOf('walv.segments.retired', log), 1)
  const failed = { ...log, 'error.type': 'WALV_CHECKPOINT' }
  assert.equal((await histogramOf('walv.checkpoint.duration', failed))?.count, 1)
  assert.equal((await histogramOf('walv.checkpoint.duration', log))?.count, 1)
  const locked = { ...log, 'walv.recovery.part': 'log', 'error.type': 'WALV_LOCKED' }
  assert.equal((await histogramOf('walv.recovery.duration', locked))?.count, 1)
  const recovery = (await histogramOf('walv.recovery.duration', { ...log, 'walv.recovery.part': 'log' }))!
  assert.ok(recovery.count === 1 && recovery.sum! > 0 && recovery.sum! < 60)
})

test('damage and poison are counted', async (t) => {
  const { figureOf } = await telemetry(t)
  const damaged = await temporaryDirectory(t)
  await writeLog(damaged, ['a', 'b'])
  await alter((await segmentsIn(damaged))[0]!, (content) => content.fill(0, frameOf(content, 'a'), 1100))
  await assert.rejects(Wal.open({ directory: damaged }), refusal('WALV_DAMAGED'))
  const place = {
    'walv.directory': damaged,
    'walv.damage.kind': 'corrupt',
    'walv.damage.acknowledged': 'true',
  }
  assert.equal(await figureOf('walv.damage', place), 1)

  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory, disk })
  disk.fail({ operation: 'sync', path: SEGMENT, code: 'EIO' })
  await assert.rejects(wal.append(insert('a')))
  assert.equal(await figureOf('walv.poisoned', { 'walv.directory': directory }), 1)
  assert.equal(await figureOf('walv.poisonings', { 'walv.directory': directory }), 1)
})

test('an opening of an index is a span with that of its log in it, under what is active', async (t) => {
  const directory = await temporaryDirectory(t)
  const { tracerProvider, spansOf } = await telemetry(t)
  context.setGlobalContextManager(new LocalContexts())
  t.after(() => context.disable())
  await writeLog(directory, ['a', 'b'])
  const before = spansOf(directory).length
  const request = tracerProvider.getTracer('test').startSpan('request')
  const index = await context.with(trace.setSpan(ROOT_CONTEXT, request), () =>
    openIndex(t, { directory, index: flat({ dimensions: 3 }) }),
  )
  const [log, whole] = spansOf(directory).slice(before)
  assert.deepEqual([log!.name, whole!.name], ['walv.open', 'walv.index.open'])
  assert.equal(whole!.parentSpanContext?.spanId, request.spanContext().spanId)
  assert.equal(log!.parentSpanContext?.spanId, whole!.spanContext().spanId)
  assert.equal(log!.attributes['walv.recovery.records'], 2)
  assert.equal(whole!.attributes['walv.recovery.replayed'], 2)
  await index.checkpoint()
  const checkpoint = spansOf(directory).at(-1)!
  assert.deepEqual([checkpoint.name, checkpoint.attributes['walv.seq']], ['walv.checkpoint', 2])
  assert.equal(checkpoint.parentSpanContext, undefined)
})

test('the span of what failed says why', async (t) => {
  const directory = await temporaryDirectory(t)
  const { spansOf } = await telemetry(t)
  await openWal(t, { directory })
  await assert.rejects(Wal.open({ directory }), refusal('WALV_LOCKED'))
  const { status, events, attributes } = spansOf(directory).at(-1)!
  assert.equal(attributes['error.type'], 'WALV_LOCKED')
  assert.match(status.message!, /is open for writing in process \d+/)
  assert.equal(events[0]?.name, 'exception')
})

test('when it is disabled, nothing more is recorded', async (t) => {
  const directory = await temporaryDirectory(t)
  const { instrumentation, figureOf, spansOf } = await telemetry(t)
  const wal = await openWal(t, { directory })
  await wal.append(insert('a'))
  instrumentation.disable()
  await wal.append(insert('b'))
  await wal.checkpoint({ seq: 1, snapshot: async () => null })
  assert.equal(await figureOf('walv.appends', { 'walv.directory': directory }), 1)
  assert.equal(await figureOf('walv.log.size', { 'walv.directory': directory }), undefined)
  assert.deepEqual(
    spansOf(directory).map(({ name }) => name),
    ['walv.open'],
  )
})

/** What the SDK for Node has for this: a context that goes along with asynchronous calls. */
class LocalContexts implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>()
  active = (): Context => this.#storage.getStore() ?? ROOT_CONTEXT
  with = <A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    entered: Context,
    work: F,
    self?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> => this.#storage.run(entered, () => work.apply(self, args))
  bind = <T>(_: Context, target: T): T => target
  enable = (): this => this
  disable = (): this => this
}
