import { Redis } from 'ioredis'

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
  redis.on('error', onError)
  return redis
}
