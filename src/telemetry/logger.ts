import { trace } from '@opentelemetry/api'
import { type Logger, pino } from 'pino'

export type { Logger }

/** Paths whose values must never reach a log. */
const REDACTED = ['jws', 'data', 'token', 'password', 'secret', '*.jws', '*.data', '*.token', '*.password', '*.secret']

/** Logs one JSON object per line on standard output, with the ids of the current trace. */
export function createLogger(service: string, level: string): Logger {
  return pino({
    name: service,
    level,
    redact: REDACTED,
    serializers: { err: errorFields },
    mixin: () => {
      const active = trace.getActiveSpan()?.spanContext()
      return active === undefined ? {} : { trace_id: active.traceId, span_id: active.spanId }
    },
  })
}

/**
 * The fields of an error in the log: its message once, and in its stack the causes. The serializer of pino would repeat the
 * messages of causes, and write every property of an error, in which ioredis keeps the arguments of AUTH.
 */
function errorFields(error: unknown): unknown {
  if (!(error instanceof Error)) return { type: typeof error }
  return { type: error.name, ...codeOf(error), message: error.message, stack: stackOf(error) }
}

function codeOf(error: Error): { readonly code?: string } {
  return 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
}

const MOST_CAUSES = 5

function stackOf(error: Error): string {
  const frames = framesOf(error)
  let cause = error.cause
  for (let depth = 0; cause instanceof Error && depth < MOST_CAUSES; depth += 1, cause = cause.cause)
    frames.push(`caused by ${cause.name}: ${cause.message}`, ...framesOf(cause))
  return frames.join('\n')
}

function framesOf({ stack = '' }: Error): string[] {
  return stack.split('\n').filter((line) => /^\s+at /.test(line))
}
