// The one place that loads the OpenTelemetry SDK. Composition roots import it before anything else.
// Everything is configured by the standard OTEL_* variables (OTLP endpoint, sampler, service name).
import { tracingAsked, tracingProblems } from './tracing-variables.ts'

/** How long the last spans may take to reach the collector when the process has nothing else to do. */
const FLUSH_MS = 1_000

let shutdown: (() => Promise<void>) | undefined

if (tracingAsked(process.env)) {
  const problems = tracingProblems(process.env)
  if (problems.length > 0) say(`traces are off: ${problems.join('; ')}`)
  else await start()
}

/** Traces may be lost, and nothing else with them: no failure of the SDK keeps the process from its work. */
async function start(): Promise<void> {
  // A batch links to each of its jobs; the SDK's default keeps only 128 links.
  process.env['OTEL_SPAN_LINK_COUNT_LIMIT'] ??= '1000'
  // There is nothing to send of these, but the SDK would ask the collector to take it all the same.
  process.env['OTEL_METRICS_EXPORTER'] ??= 'none'
  process.env['OTEL_LOGS_EXPORTER'] ??= 'none'
  try {
    const { NodeSDK } = await import('@opentelemetry/sdk-node')
    const sdk = new NodeSDK()
    sdk.start()
    shutdown = () => sdk.shutdown()
  } catch (error) {
    say(`traces are off: the OpenTelemetry SDK did not start (${kindOf(error)}); OTEL_LOG_LEVEL=debug tells more`)
  }
}

/** Sends the last spans, for a second at most. A collector that does not take them costs them and a line. Never throws. */
export async function endTraces(): Promise<void> {
  if (shutdown === undefined) return
  const ending = Promise.resolve().then(shutdown)
  shutdown = undefined
  const { promise: late, resolve } = Promise.withResolvers<string>()
  const timer = setTimeout(resolve, FLUSH_MS, `no answer within ${FLUSH_MS} ms`)
  const lost = await Promise.race([ending.then(() => undefined, kindOf), late])
  clearTimeout(timer)
  if (lost !== undefined) say(`the last traces are lost: the collector did not take them (${lost})`)
}

/** A code or a name, and never a message, which may quote an endpoint or a header. */
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
