import { Cluster, type Redis } from 'ioredis'
import { Failure } from '../domain/failure.ts'
import { databaseRefusal } from './one-database.ts'
import type { RedisConnection } from './redis-options.ts'

/**
 * Looks at Redis, in a Cluster at every master, once it is reached.
 * @returns what an operator should know about it, one sentence each
 * @throws Failure JW_REDIS_UNFIT when it may lose commands by itself, JW_CONFIG_INVALID when it does not have the
 * database of the URL; an error of Redis when it does not answer
 */
export async function requireFitRedis(redis: RedisConnection): Promise<readonly string[]> {
  if (redis instanceof Cluster) return lookAtAll(redis)
  const { refused, stop } = databaseRefusal(redis)
  try {
    return await Promise.race([lookAtAll(redis), refused])
  } finally {
    stop()
  }
}

async function lookAtAll(redis: RedisConnection): Promise<readonly string[]> {
  await redis.ping()
  const masters = redis instanceof Cluster ? redis.nodes('master') : [redis]
  const looks = await Promise.all(masters.map(look))
  const problems = looks.flatMap((each) => each.problems)
  if (problems.length > 0) throw new Failure('JW_REDIS_UNFIT', problems.join('; '))
  return looks.flatMap((each) => each.warnings)
}

async function look(master: Redis): Promise<{ readonly problems: string[]; readonly warnings: string[] }> {
  const lines = (await master.info()).split('\r\n')
  const said = (name: string) => lines.find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1)
  const { host, port } = master.options
  const which = `Redis at ${host}:${port}`
  const policy = said('maxmemory_policy')
  const problems: string[] = []
  const warnings: string[] = []
  if (policy === undefined) warnings.push(`${which} does not say whether it evicts keys; it must not`)
  else if (policy !== 'noeviction')
    problems.push(
      `${which} evicts keys (maxmemory-policy ${policy}) and with them jobs; set maxmemory-policy noeviction`,
    )
  if (said('role') === 'slave') problems.push(`${which} is a replica and takes no jobs; name its master`)
  if (said('aof_enabled') === '0')
    warnings.push(`${which} has no append-only file: it forgets its jobs when it dies; set appendonly yes`)
  return { problems, warnings }
}
