// The one place that loads the OpenTelemetry SDK. Composition roots import it before anything else.
// The standard OTEL_* variables (OTLP endpoint, sampler, service name) configure everything.
import { tracingAsked, tracingProblems } from './tracing-variables.ts'

/** How long the end of the process waits for the last spans to reach the collector. */
const FLUSH_MS = 1_000

let shutdown: (() => Promise<void>) | undefined

if (tracingAsked(process.env)) {
  const problems = tracingProblems(process.env)
  if (problems.length > 0) say(`traces are off: ${problems.join('; ')}`)
  else await start()
}

/** Starts the SDK. If that fails, only traces are lost: the process works without them. */
async function start(): Promise<void> {
  // A batch links to each of its jobs; the SDK's default keeps only 128 links.
  process.env['OTEL_SPAN_LINK_COUNT_LIMIT'] ??= '1000'
  // jobwarden has neither metrics nor logs for the SDK, which would still connect to the collector for them.
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

/** Sends the last spans, for a second at most. If the collector does not accept them, it prints a line. Never throws. */
export async function endTraces(): Promise<void> {
  if (shutdown === undefined) return
  const ending = Promise.resolve().then(shutdown)
  shutdown = undefined
  const { promise: late, resolve } = Promise.withResolvers<string>()
  const timer = setTimeout(resolve, FLUSH_MS, `no answer within ${FLUSH_MS} ms`)
  const lost = await Promise.race([ending.then(() => undefined, kindOf), late])
  clearTimeout(timer)
  if (lost !== undefined) say(`the last traces are lost: the collector did not accept them (${lost})`)
}

/** The code or the name of an error, and never its message, which may quote an endpoint or a header. */
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
