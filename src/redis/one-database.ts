import type { Redis } from 'ioredis'
import { Failure } from '../domain/failure.ts'
import type { RedisConnection } from './options.ts'

/**
 * Makes a connection use the database of its URL or none. When SELECT fails, ioredis itself only reports that and goes on
 * with database 0, where other people's jobs may be.
 */
export function leaveWrongDatabase(redis: RedisConnection): void {
  redis.on('error', (error: Error) => {
    if (isRefusedDatabase(error)) redis.disconnect(true)
  })
}

/** `refused` rejects when Redis says that there is no such database, and does not settle otherwise. `stop` ends that. */
export function databaseRefusal(redis: Redis): { readonly refused: Promise<never>; readonly stop: () => void } {
  const { promise: refused, reject } = Promise.withResolvers<never>()
  const onError = (error: Error) => {
    if (!isRefusedDatabase(error)) return
    const what = `Redis has no database ${redis.options.db ?? 0}`
    const remedy =
      'name another one after the host; a Cluster only has 0, other servers as many as `databases` in redis.conf says'
    reject(new Failure('JW_CONFIG_INVALID', `JOBWARDEN_REDIS_URL: ${what} (${error.message}); ${remedy}`))
  }
  redis.on('error', onError)
  return { refused, stop: () => redis.off('error', onError) }
}

function isRefusedDatabase(error: Error): boolean {
  if (!('command' in error) || typeof error.command !== 'object' || error.command === null) return false
  return 'name' in error.command && error.command.name === 'select'
}
