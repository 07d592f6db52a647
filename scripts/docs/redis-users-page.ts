import {
  type Grant,
  REDIS_ROLES,
  SERVER_RULES,
  TOPOLOGIES,
  TOPOLOGY_COMMANDS,
  TOPOLOGY_SERVERS,
} from '../../src/redis/admin/roles.ts'
import { code, generatedFrom, page, table } from './markdown.ts'

/** The page on the users of Redis, from the roles of `src/redis/admin/roles.ts`. */
export function redisUsersPage(): string {
  return page(
    generatedFrom('src/redis/admin/roles.ts'),
    '# Users of Redis',
    '`npx jobwarden redis acl` writes these users into an ACL file; [redis.md](redis.md#users) shows how. Nobody can ' +
      'log in without a name and a password. `test/servers/redis/acl.test.ts` tries every action as every user.',
    '## Roles',
    table(
      ['User', 'May', 'Keys', 'Commands'],
      REDIS_ROLES.flatMap(({ name, may, grants }) =>
        grants.map((grant, at) => [at === 0 ? code(name) : '', at === 0 ? may : '', keysOf(grant), commandsOf(grant)]),
      ),
    ),
    'Keys begin with `JOBWARDEN_QUEUE_PREFIX`. A second row for a user is a selector of Redis 7: its commands only work on ' +
      'its keys. With `--admin` there is also `admin`, who may do everything.',
    '## How Redis is deployed',
    table(
      ['`--topology`', 'Every role may also call', 'Users for servers'],
      TOPOLOGIES.map((topology) => [
        code(topology),
        TOPOLOGY_COMMANDS[topology].map(code).join(' ') || 'nothing',
        TOPOLOGY_SERVERS[topology].map(code).join(', ') || 'none',
      ]),
    ),
    table(
      ['Server', 'Rules'],
      Object.entries(SERVER_RULES).map(([name, rules]) => [code(name), code(rules)]),
    ),
  )
}

function keysOf({ queues }: Grant): string {
  return queues.map((queue) => code(`<prefix>:${queue}:*`)).join(', ')
}

function commandsOf({ commands }: Grant): string {
  return commands.map(code).join(' ')
}
