import { Cluster, type Redis } from 'ioredis'
import { Failure } from '../domain/failure.ts'
import { loadsAsDefaultUser, refusedToDefaultUser } from './default-user.ts'
import { databaseRefusal } from './one-database.ts'
import { addressOf, readInfo } from './ask-server.ts'
import type { RedisConnection } from './options.ts'
import { REDIS_ROLES } from './admin/roles.ts'

/**
 * Looks at Redis once it is reached; in a Cluster, at every master.
 * @param prefix of the queues: if given, the rights that Redis needs for a restart are looked at too, if we may ask
 * @returns warnings for an operator, a sentence each
 * @throws Failure JW_REDIS_UNFIT when it may lose commands by itself, JW_CONFIG_INVALID when it does not have the
 * database of the URL; an error of Redis when it does not answer
 */
export async function requireFitRedis(redis: RedisConnection, prefix?: string): Promise<readonly string[]> {
  if (redis instanceof Cluster) return lookAtAll(redis, prefix)
  const { refused, stop } = databaseRefusal(redis)
  try {
    return await Promise.race([lookAtAll(redis, prefix), refused])
  } finally {
    stop()
  }
}

async function lookAtAll(redis: RedisConnection, prefix: string | undefined): Promise<readonly string[]> {
  await redis.ping()
  const masters = redis instanceof Cluster ? redis.nodes('master') : [redis]
  const looks = await Promise.all(masters.map((master) => look(master, prefix)))
  const problems = looks.flatMap((each) => each.problems)
  if (problems.length > 0) throw new Failure('JW_REDIS_UNFIT', problems.join('; '))
  return looks.flatMap((each) => each.warnings)
}

async function look(
  master: Redis,
  prefix: string | undefined,
): Promise<{ readonly problems: string[]; readonly warnings: string[] }> {
  const info = await readInfo(master)
  const which = `Redis at ${addressOf(master)}`
  const policy = info.get('maxmemory_policy')
  const problems: string[] = []
  const warnings: string[] = []
  if (policy === undefined) warnings.push(`${which} does not say whether it evicts keys; it must not`)
  else if (policy !== 'noeviction')
    problems.push(
      `${which} evicts keys (maxmemory-policy ${policy}) and with them jobs; set maxmemory-policy noeviction`,
    )
  if (info.get('role') === 'slave') problems.push(`${which} is a replica and accepts no jobs; name its master`)
  if (info.get('aof_enabled') === '0')
    warnings.push(`${which} has no append-only file: it forgets its jobs when it dies; set appendonly yes`)
  else if (prefix !== undefined && loadsAsDefaultUser(info) && (await forgetsAtStart(master, prefix)))
    warnings.push(
      `${which} will drop its jobs when it restarts: the default user may not run what the append-only file holds; ` +
        'see "An old ACL file empties the queues" in docs/runbook.md',
    )
  return { problems, warnings }
}

/**
 * Whether the default user lacks rights that the queues need at a restart. Our own roles may not ask, and do not try,
 * because every start would leave a refusal in ACL LOG. `jobwarden redis check` asks as an administrator.
 */
async function forgetsAtStart(master: Redis, prefix: string): Promise<boolean> {
  const { username } = master.options
  if (username === undefined || username === 'default') return false // If we can work as this user, it has the rights.
  if (REDIS_ROLES.some(({ name }) => name === username)) return false
  return ((await refusedToDefaultUser(master, prefix)) ?? []).length > 0
}
