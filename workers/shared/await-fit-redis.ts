import { setTimeout as delay } from 'node:timers/promises'
import { type Failure, type FailureCode, toFailure } from '../../src/domain/failure.ts'
import { queueFailure } from '../../src/redis/failures.ts'
import { requireFitRedis } from '../../src/redis/fitness.ts'
import type { RedisConnection } from '../../src/redis/options.ts'
import type { Logger } from '../../src/telemetry/logger.ts'

export type Fitness = {
  /** Resolves once Redis has been reached and is fit. */
  readonly fit: Promise<void>
  /** Resolves once Redis has been reached and is not fit. */
  readonly broken: Promise<Failure>
}

/**
 * Looks at Redis when it is reached for the first time. A Redis that cannot be reached now does not keep a worker from
 * starting: the worker waits for it, and learns the result later.
 * @throws Failure JW_REDIS_UNFIT when Redis is reached now and may lose jobs by itself, JW_REDIS_REFUSED when it does
 * not let us look, JW_CONFIG_INVALID when it does not have the database of the URL
 */
export async function awaitFitRedis(redis: RedisConnection, queuePrefix: string, log: Logger): Promise<Fitness> {
  const fit = lookWhenReached(redis, queuePrefix, log)
  const fitness = { fit, broken: fit.then(() => new Promise<never>(() => undefined), toFailure) }
  const { promise: away, resolve: isAway } = Promise.withResolvers<void>()
  const onError = () => void setImmediate(isAway) // An error that makes `fit` reject at the same moment goes first.
  redis.on('error', onError)
  try {
    await Promise.race([fit, away])
  } finally {
    redis.off('error', onError)
  }
  return fitness
}

/** The pause before the next look at a Redis that is connected and does not answer. */
const AGAIN_MS = 500

const LASTING: ReadonlySet<FailureCode> = new Set(['JW_REDIS_UNFIT', 'JW_CONFIG_INVALID'])

async function lookWhenReached(redis: RedisConnection, queuePrefix: string, log: Logger): Promise<void> {
  for (;;) {
    try {
      for (const warning of await requireFitRedis(redis, queuePrefix)) log.warn(warning)
      return
    } catch (error) {
      const failure = queueFailure(error instanceof Error ? error : toFailure(error))
      const lasts = failure.code === 'JW_REDIS_REFUSED' && redis.status === 'ready'
      if (LASTING.has(failure.code) || lasts || redis.status === 'end') throw failure
      // The connection was lost, or was never made: its own errors say why, and ioredis connects again.
      if (redis.status === 'ready') await delay(AGAIN_MS)
      else await new Promise((resolve) => redis.once('ready', resolve))
    }
  }
}
