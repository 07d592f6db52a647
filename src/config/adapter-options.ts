import type { OpaTransportOptions } from '../pdp/opa-transport.ts'
import type { RetryOptions } from '../pdp/retry.ts'
import type { CircuitOptions } from '../pdp/circuit.ts'
import type { PostgresOptions } from '../storage/database.ts'
import type { Config } from './settings.ts'

/** The settings of the OPA client. */
export function opaOptions(config: Config): OpaTransportOptions & {
  readonly timeoutMs: number
  readonly retry: RetryOptions
  readonly circuit: CircuitOptions
} {
  return {
    url: config.opaUrl,
    connections: config.opaConnections,
    maxResponseBytes: config.opaMaxResponseBytes,
    caFile: config.opaCaFile,
    certFile: config.opaCertFile,
    keyFile: config.opaKeyFile,
    tokenFile: config.opaTokenFile,
    timeoutMs: config.opaTimeoutMs,
    retry: { baseMs: 25, maxMs: 500, maxRetries: config.opaRetries },
    circuit: { errorPercent: 50, minimumCalls: 3, resetMs: config.opaResetMs },
  }
}

/** The settings of a pool on PostgreSQL. */
export function postgresOptions(config: Config): Pick<PostgresOptions, 'maxConnections' | 'timeoutMs'> {
  return { maxConnections: config.databaseConnections, timeoutMs: config.databaseTimeoutMs }
}
