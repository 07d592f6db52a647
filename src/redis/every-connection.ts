import { Cluster } from 'ioredis'
import type { RedisConnection } from './options.ts'

/** The connections that were made of one another. */
const families = new WeakMap<RedisConnection, Set<RedisConnection>>()

/** Prepares a connection and every duplicate of it: BullMQ makes those to block on, and closes them itself. */
export function onEveryConnection<Connection extends RedisConnection>(
  redis: Connection,
  prepare: (redis: RedisConnection) => void,
  family = new Set<RedisConnection>(),
): Connection {
  families.set(redis, family.add(redis))
  prepare(redis)
  if (redis instanceof Cluster) {
    const duplicate = redis.duplicate.bind(redis)
    return Object.assign(redis, {
      duplicate: (...options: Parameters<typeof duplicate>) =>
        onEveryConnection(duplicate(...options), prepare, family),
    })
  }
  const duplicate = redis.duplicate.bind(redis)
  return Object.assign(redis, {
    duplicate: (...options: Parameters<typeof duplicate>) => onEveryConnection(duplicate(...options), prepare, family),
  })
}

/** How long a stopping process waits for a Redis that is away: jobs under way may still be settled in a failover. */
const AWAY_MS = 3_000

/**
 * Told that the process stops: what still waits for Redis after three seconds fails, on the connection and on those
 * that were made of it, while Redis is away.
 */
export function stopWaitingSoon(redis: RedisConnection): void {
  setTimeout(() => {
    for (const each of families.get(redis) ?? []) if (each.status !== 'ready') each.disconnect()
  }, AWAY_MS).unref()
}

/**
 * Lets a connection be closed while Redis is away. ioredis would wait to say QUIT until Redis is back, and never emits
 * `end` when it is told to disconnect between two tries to connect, which is what BullMQ waits for.
 */
export function closeWhileAway(redis: RedisConnection): void {
  const quit = redis.quit.bind(redis)
  const disconnect = redis.disconnect.bind(redis)
  Object.assign(redis, {
    quit: async () => {
      if (redis.status === 'ready') return quit()
      redis.disconnect()
      return 'OK'
    },
    disconnect: (reconnect = false) => {
      // A connection that waits to be made is ended at once, with what is queued for it.
      if (!(redis instanceof Cluster) && !reconnect && redis.status === 'reconnecting') redis.status = 'wait'
      disconnect(reconnect)
    },
  })
}
