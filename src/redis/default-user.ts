import type { Redis } from 'ioredis'
import { z } from 'zod'
import { AUDIT_QUEUE, COMMAND_QUEUE } from './queue-names.ts'
import { type RedisInfo, unlessRefused } from './ask-server.ts'

/**
 * Whether this Redis runs the transactions of its append-only file with the rights of the default user. Redis 8.6 is
 * known not to (redis/redis#14545). Valkey says that it is Redis 7.2, and none of its releases is known to be fixed.
 */
export function loadsAsDefaultUser(info: RedisInfo): boolean {
  const [major = 0, minor = 0] = (info.get('redis_version') ?? '').split('.').map(Number)
  const isFixed = major > 8 || (major === 8 && minor >= 6)
  return info.has('valkey_version') || !isFixed
}

/** The commands that the scripts of the queues leave in the append-only file. KEY stands for a key of a queue. */
export const QUEUE_WRITES: readonly string[] = `
  del KEY, unlink KEY, set KEY v, incr KEY, pexpire KEY 1, pexpireat KEY 1
  hdel KEY f, hincrby KEY f 1, hmset KEY f v, hset KEY f v
  lpush KEY v, lrem KEY 0 v, ltrim KEY 0 1, rpop KEY, rpoplpush KEY KEY, rpush KEY v
  sadd KEY v, srem KEY v, xadd KEY * f v, xtrim KEY maxlen 1
  zadd KEY 1 v, zpopmin KEY, zrem KEY v, zremrangebyrank KEY 0 1, zremrangebyscore KEY 0 1`
  .split(/[,\n]/)
  .map((command) => command.trim())
  .filter((command) => command !== '')

/**
 * Which of those commands the default user may not run, as Redis itself says (ACL DRYRUN).
 * @returns the names of the commands, or undefined when this user may not ask
 */
export async function refusedToDefaultUser(server: Redis, prefix: string): Promise<readonly string[] | undefined> {
  const keys = [COMMAND_QUEUE, AUDIT_QUEUE].map((queue) => `${prefix}:${queue}:key`)
  const commands = keys.flatMap((key) => QUEUE_WRITES.map((command) => command.replaceAll('KEY', key).split(' ')))
  // Only one at first: ACL LOG notes what is refused, and once is enough.
  const [first = [], ...others] = commands
  const ask = (command: readonly string[]) => unlessRefused(server.call('acl', 'dryrun', 'default', ...command))
  const answers = [await ask(first)]
  if (answers[0] === undefined) return undefined
  answers.push(...(await Promise.all(others.map(ask))))
  return [...new Set(commands.flatMap(([name = ''], at) => (answers[at] === 'OK' ? [] : [name])))]
}

const Entries = z.array(z.array(z.unknown()))

/** The client under which Redis runs its own file. */
const LOADING_CLIENT = /\bid=18446744073709551615\b/

/**
 * How many commands of its own file Redis has dropped since it started, as far back as its log of refusals goes.
 * @returns undefined when this user may not look
 */
export async function droppedWhileLoading(server: Redis): Promise<number | undefined> {
  const log = await unlessRefused(server.call('acl', 'log', '128'))
  if (log === undefined) return undefined
  const entries = Entries.parse(log).map((entry) => {
    const fields = new Map(entry.flatMap((name, at) => (at % 2 === 0 ? [[String(name), entry[at + 1]] as const] : [])))
    return { count: Number(fields.get('count')), client: String(fields.get('client-info')) }
  })
  return entries.reduce((sum, { count, client }) => sum + (LOADING_CLIENT.test(client) ? count : 0), 0)
}
