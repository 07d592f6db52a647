import { trace } from '@opentelemetry/api'
import { type Logger, pino } from 'pino'

export type { Logger }

/** Paths whose values must not reach a log, wherever somebody logs them. */
const REDACTED = ['jws', 'data', 'token', 'password', 'secret', '*.jws', '*.data', '*.token', '*.password', '*.secret']

/** One JSON object a line on standard output, with the ids of the trace it belongs to. */
export function createLogger(service: string, level: string): Logger {
  return pino({
    name: service,
    level,
    redact: REDACTED,
    mixin: () => {
      const active = trace.getActiveSpan()?.spanContext()
      return active === undefined ? {} : { trace_id: active.traceId, span_id: active.spanId }
    },
  })
}
