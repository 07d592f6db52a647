import type { RedisConnection } from '../../src/redis/options.ts'
import type { Config } from '../../src/config/settings.ts'
import { messageOf } from '../../src/domain/failure.ts'
import { type HttpServer, startHttpServer } from '../../src/http/http-server.ts'
import { type Component, type ProbesOptions, probes } from '../../src/http/probes.ts'
import type { OpaClient } from '../../src/pdp/opa-client.ts'
import { type Database, pingDatabase } from '../../src/storage/database.ts'
import type { Logger } from '../../src/telemetry/logger.ts'

/** The probe server of a worker, when JOBWARDEN_PROBE_PORT asks for one. */
export async function startProbes(
  { probePort: port, probeHost: host }: Config,
  log: Logger,
  options: ProbesOptions,
): Promise<HttpServer | undefined> {
  return port === undefined
    ? undefined
    : startHttpServer({ name: 'probe server', host, port, log, routes: probes(options) })
}

/** OPA counts as down while calls are suspended, and while it has no policies. */
export function opaComponent(pdp: OpaClient): Component {
  return async () => {
    if (pdp.suspended) return { up: false, why: 'calls are suspended until it answers a probe' }
    const health = await pdp.health()
    return health.ready ? { up: true } : { up: false, why: health.failure.code }
  }
}

export function redisComponent(redis: RedisConnection): Component {
  return upUnlessThrown(() => redis.ping())
}

export function databaseComponent(database: Database): Component {
  return upUnlessThrown(() => pingDatabase(database))
}

function upUnlessThrown(ping: () => Promise<unknown>): Component {
  return async () => {
    try {
      await ping()
      return { up: true }
    } catch (error) {
      return { up: false, why: messageOf(error) }
    }
  }
}
