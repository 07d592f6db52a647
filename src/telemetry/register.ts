// The one place that loads the OpenTelemetry SDK. Composition roots import it before anything else.
// Everything is configured by the standard OTEL_* variables (OTLP endpoint, sampler, service name).
import { tracingConfigured } from './configured.ts'

if (tracingConfigured(process.env)) {
  // A batch links to each of its jobs; the SDK's default keeps only 128 links.
  process.env['OTEL_SPAN_LINK_COUNT_LIMIT'] ??= '1000'
  const { NodeSDK } = await import('@opentelemetry/sdk-node')
  const sdk = new NodeSDK()
  sdk.start()
  process.once('beforeExit', () => void sdk.shutdown())
}
