import { Cluster, Redis } from 'ioredis'
import { Failure, toFailure } from '../domain/failure.ts'
import { readTlsFiles } from '../parsing/connection-files.ts'
import { closeWhileAway, onEveryConnection } from './every-connection.ts'
import { leaveWrongDatabase } from './one-database.ts'
import { inWords, queueFailure } from './failures.ts'
import { requireFitRedis } from './fitness.ts'
import { type RedisConnection, type RedisOptions, singleOptions } from './options.ts'

/** Who connects. Commands of a worker wait for Redis; those of a producer fail after a few tries. */
type Use = 'worker' | 'producer'

/**
 * A connection for queues. It never stops reconnecting, with a growing delay, and finds the new master after a failover.
 * Commands wait for it, except those of a producer, so that an upstream service learns of an outage.
 * @throws Failure JW_CONFIG_INVALID when a TLS file cannot be used
 */
export function connectRedis(options: RedisOptions, use: Use, onError: (error: Error) => void): RedisConnection {
  const redis = onEveryConnection(open(options, use), (connection) => {
    leaveWrongDatabase(connection)
    closeWhileAway(connection)
  })
  redis.on('error', (error: Error) => onError(queueFailure(error)))
  return redis
}

/** How long a producer waits for Redis before it fails: long enough for a few tries, or for the failover of a master. */
export const PRODUCER_PATIENCE_MS = 15_000

/**
 * Connects a producer to a Redis that answers and is fit. BullMQ itself would wait for it without end.
 * @throws Failure JW_QUEUE_UNAVAILABLE | JW_REDIS_UNFIT | JW_CONFIG_INVALID
 */
export async function reachRedis(options: RedisOptions, onError: (error: Error) => void): Promise<RedisConnection> {
  let last: Error | undefined
  const redis = connectRedis(options, 'producer', (error) => {
    last = error
    onError(error)
  })
  try {
    await within(PRODUCER_PATIENCE_MS, requireFitRedis(redis))
    return redis
  } catch (error) {
    redis.disconnect()
    const { code } = toFailure(error)
    if (code === 'JW_REDIS_UNFIT' || code === 'JW_CONFIG_INVALID') throw error
    throw new Failure('JW_QUEUE_UNAVAILABLE', `the queue did not accept the commands: ${inWords(last ?? error)}`, {
      cause: error,
    })
  }
}

const pause = (attempt: number) => Math.min(100 * 2 ** Math.min(attempt, 6), 2_000)

function open(options: RedisOptions, use: Use): RedisConnection {
  const { place, username, password } = options
  const trust = readTlsFiles('Redis', options)
  const common = {
    username,
    password,
    maxRetriesPerRequest: use === 'worker' ? null : 3,
    connectionName: `jobwarden-${use}`,
    // No ACL allows CLIENT SETINFO, because Redis before 7.2 does not know it.
    disableClientInfo: true,
  }
  const own = { retryStrategy: pause, reconnectOnError: isDemoted }
  const tls = options.tls === true ? trust : undefined
  switch (place.kind) {
    case 'single':
      return new Redis({ ...own, ...singleOptions(place.url, common, trust) })
    case 'sentinel':
      return new Redis({
        ...common,
        ...own,
        name: place.name,
        sentinels: [...place.sentinels],
        sentinelUsername: place.username,
        sentinelPassword: place.password,
        sentinelTLS: place.tls ? trust : undefined,
        tls,
        enableTLSForSentinelMode: tls !== undefined,
        sentinelRetryStrategy: pause,
        // A master that is cut off may keep our connection; the sentinels say when another one has taken over.
        failoverDetector: true,
        sentinelReconnectStrategy: pause,
      })
    case 'cluster':
      return new Cluster([...place.nodes], {
        redisOptions: { ...common, tls },
        clusterRetryStrategy: pause,
        // Certificates name hosts, so host names must not be resolved here.
        dnsLookup: (host, found) => found(null, host),
        slotsRefreshTimeout: 3_000,
        ...CLUSTER_PATIENCE[use],
      })
    default:
      return place satisfies never
  }
}

/**
 * How often a command is sent again while a master is gone. For a worker that lasts as long as the slowest failover,
 * because a failed completion would spend one of the job's attempts.
 */
const CLUSTER_PATIENCE = {
  worker: { maxRedirections: 600, ...pauses(250) },
  producer: { maxRedirections: 24, ...pauses(250) },
} as const

function pauses(ms: number) {
  return { retryDelayOnFailover: ms, retryDelayOnClusterDown: ms, retryDelayOnTryAgain: ms, retryDelayOnMoved: 20 }
}

/** A master that has become a replica refuses writes: then ioredis finds the new master and sends the command again. */
function isDemoted(error: Error): 2 | false {
  return error.message.startsWith('READONLY') ? 2 : false
}

/** Waits for `promise`, but not longer than `ms`. @throws Error when it takes longer; the promise itself goes on */
export async function within<Value>(ms: number, promise: Promise<Value>): Promise<Value> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no answer within ${ms / 1000} s`)), ms)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
    promise.catch(() => undefined) // Nobody waits for it any more if it was late.
  }
}
