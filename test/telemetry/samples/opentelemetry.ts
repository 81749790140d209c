import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { instrument } from '../../../src/adapters/otel.ts'
import { DurableIndex, flat } from '../../../src/mod.ts'

const exporter = new PrometheusExporter({ preventServerStart: true })
const meterProvider = new MeterProvider({ readers: [exporter] })
const telemetry = instrument({ meterProvider })

export const index = await DurableIndex.open({ directory: './data', index: flat({ dimensions: 3 }) })

export async function close(): Promise<void> {
  await index.close()
  telemetry.disable()
  await meterProvider.shutdown()
}
