type Environment = Readonly<Record<string, string | undefined>>

const PROTOCOLS = ['grpc', 'http/protobuf', 'http/json']
const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
]

/** The words that a variable may hold. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  OTEL_TRACES_EXPORTER: ['otlp', 'console', 'zipkin', 'none'],
  OTEL_TRACES_SAMPLER: SAMPLERS,
  OTEL_EXPORTER_OTLP_PROTOCOL: PROTOCOLS,
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: PROTOCOLS,
  OTEL_PROPAGATORS: ['tracecontext', 'baggage', 'b3', 'b3multi', 'none'],
}

/**
 * What is wrong with the OTEL_* variables that traces depend on. The SDK itself would silently use something else, such as
 * a sampler that records everything. No message quotes a value, because an endpoint may hold a secret.
 */
export function tracingProblems(env: Environment): string[] {
  const wrongWords = Object.entries(WORDS).flatMap(([name, words]) => {
    const given = (env[name] ?? '').split(',').map((word) => word.trim())
    return given.every((word) => word === '' || words.includes(word)) ? [] : [`${name}: must be ${words.join(', ')}`]
  })
  const endpoints = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']
  const wrongEndpoints = endpoints.flatMap((name) =>
    isEndpoint(env[name] ?? '', isGrpc(env))
      ? []
      : [`${name}: must be a URL such as http://collector:4318, without spaces and with a port from 1 to 65535`],
  )
  return [...wrongWords, ...wrongEndpoints, ...ratioProblems(env)]
}

function isGrpc(env: Environment): boolean {
  return (env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] || env['OTEL_EXPORTER_OTLP_PROTOCOL']) === 'grpc'
}

/** For gRPC, an endpoint may be only a host and a port. */
function isEndpoint(text: string, grpc: boolean): boolean {
  if (text === '') return true
  if (/[\s\p{C}]/u.test(text)) return false
  const url = URL.parse(grpc && !text.includes('://') ? `http://${text}` : text)
  return url !== null && /^https?:$/.test(url.protocol) && url.hostname !== '' && url.port !== '0'
}

function ratioProblems(env: Environment): string[] {
  const ratio = env['OTEL_TRACES_SAMPLER_ARG'] ?? ''
  if (!(env['OTEL_TRACES_SAMPLER'] ?? '').endsWith('traceidratio') || ratio === '') return []
  const value = Number(ratio)
  return value >= 0 && value <= 1 ? [] : ['OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1']
}

/** Each of these variables turns traces on. */
const ASKING = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_TRACES_EXPORTER']

/** Whether the standard OTEL_* variables ask for traces. Without them no SDK is loaded and nothing is recorded. */
export function tracingAsked(env: Readonly<Record<string, string | undefined>>): boolean {
  if (env['OTEL_SDK_DISABLED'] === 'true' || env['OTEL_TRACES_EXPORTER'] === 'none') return false
  return ASKING.some((name) => (env[name] ?? '') !== '')
}

/** Whether traces are on: the variables ask for them and are valid. */
export function tracingConfigured(env: Readonly<Record<string, string | undefined>>): boolean {
  return tracingAsked(env) && tracingProblems(env).length === 0
}
