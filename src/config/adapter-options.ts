import type { OpaTransportOptions } from '../pdp/opa-transport.ts'
import type { RetryOptions } from '../pdp/retry.ts'
import type { CircuitOptions } from '../pdp/circuit.ts'
import type { RedisOptions, RedisPlace } from '../redis/options.ts'
import type { PostgresOptions } from '../storage/database.ts'
import { parseEndpoints } from './setting-kinds.ts'
import type { Config } from './settings.ts'
import { Failure } from '../domain/failure.ts'

/** The settings of the OPA client. */
export function opaOptions(config: Config): OpaTransportOptions & {
  readonly timeoutMs: number
  readonly filterTtlMs: number
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
    filterTtlMs: config.filterTtlMs,
    retry: { baseMs: 25, maxMs: 500, maxRetries: config.opaRetries },
    circuit: { errorPercent: 50, minimumCalls: 3, resetMs: config.opaResetMs },
  }
}

/** The settings of a pool on PostgreSQL. */
export function postgresOptions(config: Config): Pick<PostgresOptions, 'maxConnections' | 'timeoutMs'> {
  return { maxConnections: config.databaseConnections, timeoutMs: config.databaseTimeoutMs }
}

/** How to reach the Redis of the queues. */
export function redisOptions(config: Config): RedisOptions {
  return {
    place: redisPlace(config),
    username: config.redisUsername,
    password: config.redisPassword,
    tls: config.redisTls,
    caFile: config.redisCaFile,
    certFile: config.redisCertFile,
    keyFile: config.redisKeyFile,
  }
}

function redisPlace(config: Config): RedisPlace {
  const { redisUrl: url, redisSentinels: sentinels, redisSentinelName: name, redisCluster: nodes } = config
  if (nodes !== undefined) return { kind: 'cluster', nodes: parseEndpoints(nodes) }
  if (sentinels === undefined || name === undefined) return { kind: 'single', url }
  return {
    kind: 'sentinel',
    sentinels: parseEndpoints(sentinels),
    name,
    username: config.redisSentinelUsername,
    password: config.redisSentinelPassword,
    tls: config.redisSentinelTls,
  }
}

/** The URL of PostgreSQL, for processes without an embedded database. @throws Failure JW_CONFIG_INVALID without one */
export function requireDatabaseUrl({ databaseUrl }: Config): string {
  if (databaseUrl !== undefined) return databaseUrl
  throw new Failure('JW_CONFIG_INVALID', 'JOBWARDEN_DATABASE_URL: name the PostgreSQL to use')
}
