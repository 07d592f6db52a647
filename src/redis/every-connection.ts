import { Cluster } from 'ioredis'
import type { RedisConnection } from './options.ts'

/** For each connection, those that were duplicated from one another. */
const families = new WeakMap<RedisConnection, Set<RedisConnection>>()

/** Prepares a connection and every duplicate of it. BullMQ makes duplicates for blocking commands, and closes them. */
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

/** How long a stopping process waits for a Redis that is away: a failover may end in that time, and jobs be settled. */
const AWAY_MS = 3_000

/**
 * Call it when the process stops: if Redis is still away after three seconds, the commands that wait for it fail, on this
 * connection and on those that were duplicated from it.
 */
export function stopWaitingSoon(redis: RedisConnection): void {
  setTimeout(() => {
    for (const each of families.get(redis) ?? []) if (each.status !== 'ready') each.disconnect()
  }, AWAY_MS).unref()
}

/**
 * Lets a connection be closed while Redis is away. ioredis would wait until Redis is back to send QUIT. It also never
 * emits `end`, for which BullMQ waits, when it has to disconnect between two tries to connect.
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
      // A connection that waits for its next try ends at once, with the commands in its queue.
      if (!(redis instanceof Cluster) && !reconnect && redis.status === 'reconnecting') redis.status = 'wait'
      disconnect(reconnect)
    },
  })
}
