import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Attributes,
  type Context,
  context,
  type Span,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import {
  checkpointTracing,
  indexOpenTracing,
  type LogMessage,
  openTracing,
  type TypedTracing,
} from '../../diagnostics.ts'
import type { DurableIndex } from '../../index/durable/durable-index.ts'
import type { Wal } from '../../log/wal.ts'
import { errorType } from './metrics.ts'
import type { Subscriptions } from './subscriptions.ts'

/**
 * Makes a span of every opening and every checkpoint, as a child of what is active where it is
 * called.
 */
export function traceSpans(tracer: Tracer, subscriptions: Subscriptions): void {
  // The context of OpenTelemetry's own cannot be entered from a channel; so the spans of one
  // opening find each other in this.
  const within = new AsyncLocalStorage<Context>()
  const trail = { tracer, within, subscriptions }
  traceWork(trail, openTracing, 'walv.open', ({ readOnly }) => ({ 'walv.read_only': readOnly }), openedLog)
  traceWork(
    trail,
    indexOpenTracing,
    'walv.index.open',
    ({ readOnly }) => ({ 'walv.read_only': readOnly }),
    openedIndex,
  )
  traceWork(
    trail,
    checkpointTracing,
    'walv.checkpoint',
    ({ seq }) => ({ 'walv.seq': seq }),
    () => ({}),
  )
}

interface Trail {
  readonly tracer: Tracer
  readonly within: AsyncLocalStorage<Context>
  readonly subscriptions: Subscriptions
}

function traceWork<Message extends LogMessage & { result?: unknown; error?: unknown }>(
  { tracer, within, subscriptions }: Trail,
  tracing: TypedTracing<Message>,
  name: string,
  begun: (message: Message) => Attributes,
  done: (result: unknown) => Attributes,
): void {
  const spans = new WeakMap<Message, Span>()
  tracing.start.bindStore(within, (message) => {
    const parent = within.getStore() ?? context.active()
    const attributes = { 'walv.directory': message.directory, ...begun(message) }
    const span = tracer.startSpan(name, { attributes }, parent)
    spans.set(message, span)
    return trace.setSpan(parent, span)
  })
  subscriptions.atEnd(() => tracing.start.unbindStore(within))
  subscriptions.on(tracing.asyncEnd, (message) => {
    const span = spans.get(message)
    if (message.error === undefined) span?.setAttributes(done(message.result))
    else fail(span, message.error)
    span?.end()
  })
}

function fail(span: Span | undefined, error: unknown): void {
  span?.setAttribute('error.type', errorType(error))
  span?.recordException(error as Error)
  span?.setStatus({ code: SpanStatusCode.ERROR, message: (error as Error).message })
}

function openedLog(result: unknown): Attributes {
  const { entries, bytes, segments, damage, reproved } = (result as Wal).recovery
  return {
    'walv.recovery.records': entries,
    'walv.recovery.bytes': bytes,
    'walv.recovery.segments': segments,
    'walv.recovery.damage': damage.length,
    'walv.recovery.reproved': reproved,
  }
}

function openedIndex(result: unknown): Attributes {
  const { size, recovery } = result as DurableIndex
  return {
    'walv.index.vectors': size,
    'walv.recovery.from_snapshot': recovery.fromSnapshot,
    'walv.recovery.replayed': recovery.replayed,
  }
}
