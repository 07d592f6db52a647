import { hash } from 'node:crypto'
import {
  type Grant,
  REDIS_ROLES,
  type RedisRole,
  SERVER_RULES,
  TOPOLOGY_COMMANDS,
  TOPOLOGY_SERVERS,
  type Topology,
} from './roles.ts'

export type AclOptions = {
  /** The prefix of the queues, which may be a hash tag. */
  readonly prefix: string
  readonly topology: Topology
  /** Whether there is a user who may do everything. */
  readonly admin: boolean
}

/**
 * Nobody can log in as `default`: it is off and has no password. It still may do everything, because Redis runs the
 * transactions of its own append-only file as this user when it starts, and the effect of every script is a transaction.
 * If the user has fewer rights, Redis before 8.6 drops them all, and a restart empties the queues (redis/redis#14541). An
 * ACL file cannot hold comments, so the reason is here and in docs/redis.md.
 */
const DEFAULT_USER = 'user default off resetpass ~* &* +@all'

/** The users of an ACL file, in the order of the file. */
export function aclUsers({ topology, admin }: Pick<AclOptions, 'topology' | 'admin'>): string[] {
  return [...REDIS_ROLES.map(({ name }) => name), ...TOPOLOGY_SERVERS[topology], ...(admin ? ['admin'] : [])]
}

/** The text of an ACL file for Redis 7. It holds hashes of the passwords and not the passwords. */
export function aclFile(options: AclOptions, passwordOf: (user: string) => string): string {
  const user = (name: string, rules: string) =>
    `user ${name} on #${hash('sha256', passwordOf(name))} resetchannels -@all ${rules}`
  return [
    DEFAULT_USER,
    ...REDIS_ROLES.map((role) => user(role.name, roleRules(role, options))),
    ...TOPOLOGY_SERVERS[options.topology].map((name) => user(name, SERVER_RULES[name])),
    ...(options.admin ? [user('admin', '~* &* +@all')] : []),
    '',
  ].join('\n')
}

function roleRules({ grants: [own, ...further] }: RedisRole, { prefix, topology }: AclOptions): string {
  if (own === undefined) return ''
  const first = { ...own, commands: [...own.commands, ...TOPOLOGY_COMMANDS[topology]] }
  return [grantRules(first, prefix), ...further.map((grant) => `(-@all ${grantRules(grant, prefix)})`)].join(' ')
}

function grantRules({ commands, queues }: Grant, prefix: string): string {
  return [...queues.map((queue) => `~${prefix}:${queue}:*`), ...commands.map((command) => `+${command}`)].join(' ')
}
