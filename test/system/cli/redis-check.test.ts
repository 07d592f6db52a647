import { readFile, writeFile } from 'node:fs/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { runningServers } from '../../../devkit/server-process.ts'
import { type LocalRedis, type StartRedisOptions, startRedis } from '../../../devkit/start-redis.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { QUEUE_WRITES } from '../../../src/redis/default-user.ts'
import { REDIS_ROLES } from '../../../src/redis/admin/roles.ts'
import { askRedis } from '../../support/ask-redis.ts'
import { type CliResult, runCli } from '../../support/run-cli.ts'
import { loginOf, passwordOf, writeUsers } from '../../support/redis-users.ts'

const PREFIX = 'checked'

let workspace: Workspace
let aclFile: string

beforeAll(async () => {
  workspace = await openWorkspace()
  aclFile = await writeUsers(workspace, { prefix: PREFIX, topology: 'single' })
})
afterAll(async () => {
  await workspace.close()
  expect(runningServers()).toEqual([])
})

const start = (options: Omit<StartRedisOptions, 'workspace'> = {}) =>
  startRedis({ workspace, appendonly: true, aclFile, ...options })

function check({ url }: Pick<LocalRedis, 'url'>, user: string, ...flags: readonly string[]): Promise<CliResult> {
  const env = { JOBWARDEN_REDIS_URL: url, JOBWARDEN_QUEUE_PREFIX: PREFIX, ...loginOf(user) }
  return runCli('cli/jobwarden.ts', ['redis', 'check', ...flags], { env })
}

const Line = z.object({
  server: z.string(),
  what: z.string(),
  state: z.string(),
  losesCommands: z.enum(['yes', 'no', 'info', 'unseen']),
  remedy: z.string().optional(),
})

/** What the check says as the admin, by what it looked at, with its exit status. */
async function checked(redis: Pick<LocalRedis, 'url'>, user = 'admin') {
  const { status, stdout, stderr } = await check(redis, user, '--json')
  expect(stderr).toBe('')
  const lines = stdout.split('\n').filter((line) => line !== '')
  const findings = lines.map((line) => Line.parse(JSON.parse(line)))
  return { status, findings: new Map(findings.map(({ what, ...finding }) => [what, finding])) }
}

test('a Redis as docs/redis.md wants it loses nothing, and the check says so with status 0', async () => {
  const redis = await start()
  const { status, stdout, stderr } = await check(redis, 'admin', '--strict')
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).toContain(`127.0.0.1:${redis.port}\nwhat `)
  expect(stdout).toMatch(/^append-only file +on +no +-$/m)
  expect(stdout).toMatch(/^appendfsync +everysec: a machine that dies loses about a second +info +`always` loses/m)
  expect(stdout).toMatch(/^rights of the default user +enough to load the append-only file +no +-$/m)
  expect(stdout).toMatch(/^last start +dropped no commands of its file, as far as ACL LOG goes back +no +-$/m)
  expect(stdout).not.toMatch(/YES|not seen/)
  for (const user of ['admin', 'producer']) expect(stdout).not.toContain(passwordOf(user))
  await redis.server.stop()
})

const OLD_LINE = 'user default off resetchannels -@all'
const SEE = /^docs\/runbook\.md, "An old ACL file empties the queues"/

test.each([
  ['no append-only file', { appendonly: false }, [], 'append-only file', /^off: /, /^CONFIG SET appendonly yes/],
  ['appendfsync no', {}, ['appendfsync', 'no'], 'appendfsync', /half a minute$/, /appendfsync everysec/],
  ['an evicting policy', {}, ['maxmemory-policy', 'allkeys-lru'], 'maxmemory-policy', /removes jobs/, /noeviction/],
] as const)('%s loses commands: status 1, with the remedy', async (_what, options, setting, what, state, remedy) => {
  const redis = await start(options)
  const [name, value] = setting
  if (name !== undefined) await askRedis(redis.port, (admin) => admin.config('SET', name, value))
  const { status, findings } = await checked(redis)
  expect(status).toBe(1)
  expect(findings.get(what)).toEqual({
    server: `127.0.0.1:${redis.port}`,
    state: expect.stringMatching(state),
    losesCommands: 'yes',
    remedy: expect.stringMatching(remedy),
  })
  await redis.server.stop()
})

test('a full memory and appendfsync always lose nothing, and the first is told', async () => {
  const redis = await start()
  await askRedis(redis.port, async (admin) => {
    await admin.config('SET', 'maxmemory', '1')
    await admin.config('SET', 'appendfsync', 'always')
  })
  const { status, findings } = await checked(redis)
  expect(status).toBe(0)
  expect(findings.get('memory')).toMatchObject({
    losesCommands: 'info',
    remedy: expect.stringMatching(/^raise maxmem/),
  })
  expect(findings.get('appendfsync')).toMatchObject({ state: 'always', losesCommands: 'no' })
  await redis.server.stop()
})

test('a replica is not where commands go', async () => {
  const master = await start()
  const redis = await start({ extraArgs: ['--replicaof', `127.0.0.1 ${master.port}`] })
  const { status, findings } = await checked(redis)
  expect(status).toBe(1)
  expect(findings.get('role')).toMatchObject({ state: 'replica: it accepts no commands', losesCommands: 'yes' })
  await redis.server.stop()
  await master.server.stop()
})

describe('a Redis with an old ACL file', () => {
  let redis: LocalRedis
  beforeAll(async () => {
    const file = await writeUsers(workspace, { prefix: PREFIX, topology: 'single' })
    const users = await readFile(file, 'utf8')
    await writeFile(file, users.replace(/^user default .*$/m, OLD_LINE))
    redis = await start({ aclFile: file })
  })

  test('will empty its queues at the next restart, and the check says so before', async () => {
    const { status, findings } = await checked(redis)
    expect(status).toBe(1)
    expect(findings.get('rights of the default user')).toMatchObject({
      state: expect.stringMatching(/^lack del, unlink, set and 22 more: a restart empties the queues$/),
      losesCommands: 'yes',
      remedy: expect.stringMatching(SEE),
    })
    expect(findings.get('last start')).toMatchObject({ losesCommands: 'no' })
  })

  test('has emptied them at the last one, and the check says so after', async () => {
    const add = 'redis.call("lpush", KEYS[1], "1") redis.call("lpush", KEYS[1], "2")'
    await askRedis(redis.port, (admin) => admin.eval(add, 1, `${PREFIX}:jobwarden-commands:wait`))
    await redis.server.stop()
    await redis.server.start()
    const { status, findings } = await checked(redis)
    expect(status).toBe(1)
    expect(findings.get('last start')).toMatchObject({
      state: 'dropped 2 commands of its own file, or more',
      losesCommands: 'yes',
      remedy: expect.stringMatching(SEE),
    })
  })

  test('is found out by what the default user may do on keys of the queues, not by how its rules are written', async () => {
    const rules = async (...rest: string[]) => {
      await askRedis(redis.port, (admin) => admin.call('acl', 'setuser', 'default', 'reset', 'off', ...rest))
      return (await checked(redis)).findings.get('rights of the default user')
    }
    expect(await rules(`~${PREFIX}:*`, '+@all', '-@dangerous', '-@admin')).toMatchObject({ losesCommands: 'no' })
    expect(await rules('~*', '+@all', '-zadd')).toMatchObject({ state: expect.stringMatching(/^lack zadd: /) })
    expect(await rules('~elsewhere:*', '+@all')).toMatchObject({ losesCommands: 'yes' })
  })
})

test.each(REDIS_ROLES.map(({ name }) => name))('as %s it says what it could not see', async (user) => {
  const redis = await start()
  const { status, findings } = await checked(redis, user)
  expect(status).toBe(0)
  const notSeen = [...findings].flatMap(([what, { losesCommands }]) => (losesCommands === 'unseen' ? [what] : []))
  expect(notSeen).toEqual(['appendfsync', 'rights of the default user', 'last start'])
  expect(findings.get('last start')?.state).toBe('this user may not call ACL LOG')
  expect(findings.get('maxmemory-policy')).toMatchObject({ state: 'noeviction', losesCommands: 'no' })
  expect((await check(redis, user, '--strict')).status).toBe(1)
  await redis.server.stop()
})

test('a Redis that is not there, or does not know the user, is status 3', async () => {
  const redis = await start()
  const stranger = await check(redis, 'stranger')
  expect([stranger.status, stranger.stderr]).toEqual([3, expect.stringMatching(/^JW_REDIS_REFUSED: WRONGPASS/)])
  await redis.server.stop()
  const gone = await check(redis, 'admin')
  expect([gone.status, gone.stderr]).toEqual([3, expect.stringMatching(/^JW_REDIS_UNAVAILABLE: .*ECONNREFUSED/)])
}, 60_000)

const Info = z.array(z.tuple([z.string(), z.number(), z.array(z.string())]).rest(z.unknown()))

test('the check tries every command that writes and that a role may call', async () => {
  const { port, server } = await startRedis({ workspace })
  const redis = new Redis({ port })
  const names = [...new Set(REDIS_ROLES.flatMap(({ grants }) => grants.flatMap(({ commands }) => commands)))]
  const plain = names.filter((name) => !name.includes('|'))
  const described = Info.parse(await redis.call('command', 'info', ...plain))
  const writing = described.flatMap(([name, , flags]) => (flags.includes('write') ? [name] : []))
  const tried = new Set(QUEUE_WRITES.map((command) => command.split(' ')[0]))
  // Redis writes what it gave, a zpopmin.
  expect(writing.filter((name) => !tried.has(name))).toEqual(['bzpopmin'])
  expect(writing.length).toBeGreaterThan(20)
  redis.disconnect()
  await server.stop()
})
