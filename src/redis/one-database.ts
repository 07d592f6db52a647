import type { Redis } from 'ioredis'
import { Failure } from '../domain/failure.ts'
import type { RedisConnection } from './options.ts'

/**
 * Has a connection work on the database of its URL or not at all. ioredis itself reports that SELECT failed and goes on
 * with database 0, where the jobs of others may be.
 */
export function leaveWrongDatabase(redis: RedisConnection): void {
  redis.on('error', (error: Error) => {
    if (isRefusedDatabase(error)) redis.disconnect(true)
  })
}

/** Rejects when Redis says that there is no such database, and never otherwise. @returns a way to stop listening too */
export function databaseRefusal(redis: Redis): { readonly refused: Promise<never>; readonly stop: () => void } {
  const { promise: refused, reject } = Promise.withResolvers<never>()
  const onError = (error: Error) => {
    if (!isRefusedDatabase(error)) return
    const what = `Redis has no database ${redis.options.db ?? 0} for us`
    const remedy =
      'name another one behind the host; a Cluster has 0 alone, others as many as `databases` in redis.conf'
    reject(new Failure('JW_CONFIG_INVALID', `JOBWARDEN_REDIS_URL: ${what} (${error.message}); ${remedy}`))
  }
  redis.on('error', onError)
  return { refused, stop: () => redis.off('error', onError) }
}

function isRefusedDatabase(error: Error): boolean {
  if (!('command' in error) || typeof error.command !== 'object' || error.command === null) return false
  return 'name' in error.command && error.command.name === 'select'
}
