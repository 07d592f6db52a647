import { Redis } from 'ioredis'
import { Failure, messageOf } from '../domain/failure.ts'
import { queueFailure } from './queue-failure.ts'

/** A connection to the Redis of the queues. */
export type RedisConnection = Redis

/**
 * A connection for queues. It reconnects for ever with a growing delay; commands wait for it, except a producer's,
 * which fail after a few tries so that an upstream service learns of an outage.
 */
export function connectRedis(url: string, use: 'worker' | 'producer', onError: (error: Error) => void): Redis {
  const redis = new Redis(url, {
    maxRetriesPerRequest: use === 'worker' ? null : 3,
    enableOfflineQueue: true,
    retryStrategy: (attempt) => Math.min(100 * 2 ** Math.min(attempt, 6), 2_000),
    connectionName: `jobwarden-${use}`,
  })
  redis.on('error', (error) => onError(queueFailure(error)))
  return redis
}

/**
 * A producer's connection to a Redis that answers. BullMQ itself would wait for it for ever.
 * @throws Failure JW_QUEUE_UNAVAILABLE
 */
export async function reachRedis(url: string, onError: (error: Error) => void): Promise<Redis> {
  const redis = connectRedis(url, 'producer', onError)
  try {
    await redis.ping()
    return redis
  } catch (error) {
    redis.disconnect()
    throw new Failure('JW_QUEUE_UNAVAILABLE', `the queue did not take the commands: ${messageOf(error)}`, {
      cause: error,
    })
  }
}
