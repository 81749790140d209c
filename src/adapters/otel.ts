/**
 * `walv/otel`: metrics and spans for OpenTelemetry, made of what walv tells through
 * `node:diagnostics_channel`. Needs `npm install @opentelemetry/api`; without it Node says on
 * import that it cannot find that package. Every instrument is described in `docs/telemetry.md`.
 */

// As a whole: where an old version lacks one of these names, Node would not say which version it
// is.
import * as api from '@opentelemetry/api'
import { checkOptions, type OptionNames } from '../option-names.ts'
import { recordMetrics } from './otel/metrics.ts'
import { traceSpans } from './otel/spans.ts'
import { Subscriptions } from './otel/subscriptions.ts'
import { checkPeer, findPeer, type Peer } from './peer.ts'

export interface InstrumentOptions {
  /** Default: the global one. */
  readonly meterProvider?: api.MeterProvider
  /** Default: the global one. */
  readonly tracerProvider?: api.TracerProvider
}

export interface Instrumentation {
  /** Records nothing more. Spans that are under way do not end. */
  disable(): void
}

const INSTRUMENT_OPTIONS: OptionNames<InstrumentOptions> = { meterProvider: true, tracerProvider: true }

const NAME = 'walv'

/** Metrics are in it since 1.3. */
const PACKAGE: Peer = { adapter: 'otel', name: '@opentelemetry/api', version: '1.9.1', from: '1.3.0' }

/**
 * Records metrics and spans of every log and index of this process that is opened from now on,
 * until `disable`. Call it once, after the OpenTelemetry SDK is set up and before the first log is
 * opened: of a log that is open already, the gauges are missing.
 *
 * @throws WALV_ENGINE if `@opentelemetry/api` is older than 1.3.0
 */
export function instrument(options: InstrumentOptions = {}): Instrumentation {
  checkOptions('instrument', options, INSTRUMENT_OPTIONS)
  const place = findPeer(PACKAGE)
  if (place) checkPeer(PACKAGE, place)
  const { meterProvider = api.metrics.getMeterProvider(), tracerProvider = api.trace.getTracerProvider() } =
    options
  const subscriptions = new Subscriptions()
  recordMetrics(meterProvider.getMeter(NAME), subscriptions)
  traceSpans(tracerProvider.getTracer(NAME), subscriptions)
  return { disable: () => subscriptions.end() }
}
