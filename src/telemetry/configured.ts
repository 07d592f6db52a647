import { tracingProblems } from './tracing-problems.ts'

/** The variables of which any turns traces on. */
const ASKING = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_TRACES_EXPORTER']

/** Whether the standard OTEL_* variables ask for traces. Without them no SDK is loaded and nothing is recorded. */
export function tracingAsked(env: Readonly<Record<string, string | undefined>>): boolean {
  if (env['OTEL_SDK_DISABLED'] === 'true' || env['OTEL_TRACES_EXPORTER'] === 'none') return false
  return ASKING.some((name) => (env[name] ?? '') !== '')
}

/** Whether traces are on: asked for, by variables that are not wrong. */
export function tracingConfigured(env: Readonly<Record<string, string | undefined>>): boolean {
  return tracingAsked(env) && tracingProblems(env).length === 0
}
