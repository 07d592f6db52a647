import { writeFile } from 'node:fs/promises'
import { Queue } from 'bullmq'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runningServers } from '../../../devkit/server-process.ts'
import { type LocalRedis, startRedis } from '../../../devkit/start-redis.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { TOPOLOGIES, type Topology } from '../../../src/redis/admin/roles.ts'
import { aclFile } from '../../../src/redis/admin/acl-file.ts'
import { COMMAND_QUEUE } from '../../../src/redis/queue-names.ts'
import { connectRedis } from '../../../src/redis/connect.ts'
import { askRedis } from '../../support/ask-redis.ts'
import { passwordOf, writeUsers } from '../../support/redis-users.ts'

const PREFIX = 'restart'
const IN_BULK = Array.from({ length: 300 }, (_, at) => `bulk-${at}`)
const ONE_BY_ONE = Array.from({ length: 20 }, (_, at) => `single-${at}`)
const ALL = new Set([...IN_BULK, ...ONE_BY_ONE])

/** How `jobwarden redis acl` wrote the user until Redis lost queues by it. */
const OLD_LINE = 'user default off resetchannels -@all'

let workspace: Workspace

beforeAll(async () => {
  workspace = await openWorkspace()
})
afterAll(async () => {
  await workspace.close()
  expect(runningServers()).toEqual([])
})

type Restart = (redis: LocalRedis) => Promise<void>

const WAYS: readonly (readonly [string, Restart])[] = [
  ['is stopped gracefully', ({ server }) => server.stop()],
  ['is killed', ({ server }) => server.kill('SIGKILL')],
]

type Deployed = { readonly redis: LocalRedis; readonly file: string; readonly written: string }

/** A Redis as it is deployed, with the ACL file of `topology`: `change` may put another one in its place. */
async function deploy(topology: Topology, change = (text: string) => text): Promise<Deployed> {
  const written = aclFile({ prefix: PREFIX, topology, admin: true }, passwordOf)
  const file = await writeUsers(workspace, { prefix: PREFIX, topology })
  await writeFile(file, change(written))
  return { redis: await startRedis({ workspace, appendonly: true, aclFile: file }), file, written }
}

/** Enqueues as the producer does: scripts, one by one and in bulk. A script is a transaction in the append-only file. */
async function enqueue({ url }: LocalRedis): Promise<void> {
  const login = { username: 'producer', password: passwordOf('producer') }
  const connection = connectRedis({ place: { kind: 'single', url }, ...login }, 'producer', () => undefined)
  const queue = new Queue(COMMAND_QUEUE, { prefix: PREFIX, connection })
  await queue.addBulk(IN_BULK.map((jobId) => ({ name: 'read', data: jobId, opts: { jobId } })))
  for (const jobId of ONE_BY_ONE) await queue.add('read', jobId, { jobId })
  await queue.close()
  connection.disconnect()
}

/** The ids of the jobs that wait and that still say what they were enqueued with. */
async function waitingIn({ port }: LocalRedis): Promise<ReadonlySet<string>> {
  return askRedis(port, async (redis) => {
    const key = `${PREFIX}:${COMMAND_QUEUE}`
    const ids = await redis.lrange(`${key}:wait`, 0, -1)
    const data = await Promise.all(ids.map((id) => redis.hget(`${key}:${id}`, 'data')))
    return new Set(ids.filter((id, at) => data[at] === JSON.stringify(id)))
  })
}

/** What Redis answers to everybody who tries to be the default user. */
async function loginsAsDefault({ port }: LocalRedis): Promise<ReadonlySet<string>> {
  const attempts = [{}, { password: '' }, { password: 'guessed' }, { username: 'default', password: 'guessed' }]
  const tries = [
    ...attempts.map((login) => askRedis(port, (redis) => redis.call('get', 'key'), login)),
    ...[['default', ''], ['default', 'nopass'], ['']].map((words) =>
      askRedis(port, (redis) => redis.call('auth', ...words), {}),
    ),
    askRedis(port, (redis) => redis.call('hello', '3', 'auth', 'default', ''), {}),
    // Everybody may call RESET, which makes a connection the default user's.
    askRedis(port, (redis) => redis.call('reset').then(() => redis.call('get', 'key'))),
  ]
  const said = await Promise.all(tries.map((each) => each.then(String, (error: unknown) => String(error))))
  return new Set(said.map((answer) => /NOAUTH|WRONGPASS/.exec(answer)?.[0] ?? answer))
}

const KEPT_OUT = new Set(['NOAUTH', 'WRONGPASS'])

describe.each(WAYS)('a Redis that %s and started again', (_how, end) => {
  test.each(TOPOLOGIES)('has every job, with the users of a %s', async (topology) => {
    const { redis } = await deploy(topology)
    await enqueue(redis)
    expect(await waitingIn(redis)).toEqual(ALL)
    await end(redis)
    await redis.server.start()
    expect(await waitingIn(redis)).toEqual(ALL)
    await redis.server.stop()
  })

  test('lets nobody in as the default user, neither before nor after', async () => {
    const { redis } = await deploy('single')
    expect(await loginsAsDefault(redis)).toEqual(KEPT_OUT)
    await end(redis)
    await redis.server.start()
    expect(await loginsAsDefault(redis)).toEqual(KEPT_OUT)
    await redis.server.stop()
  })

  // What the tests above would miss if they could not see it. Redis 8.6 loads its file whatever the user may.
  test('has lost every job with the old line, until the file is written anew and it starts once more', async () => {
    const { redis, file, written } = await deploy('single', (text) => text.replace(/^user default .*$/m, OLD_LINE))
    await enqueue(redis)
    expect(await waitingIn(redis)).toEqual(ALL)
    await end(redis)
    await redis.server.start()
    expect(await waitingIn(redis)).toEqual(new Set())

    await writeFile(file, written)
    await end(redis)
    await redis.server.start()
    expect(await waitingIn(redis)).toEqual(ALL)
    await redis.server.stop()
  })

  test.each([
    [
      'the new file is loaded',
      async ({ redis, file, written }: Deployed) => {
        await writeFile(file, written)
        await askRedis(redis.port, (admin) => admin.call('acl', 'load'))
      },
    ],
    [
      'the user is changed and saved',
      ({ redis }: Deployed) =>
        askRedis(redis.port, async (admin) => {
          await admin.call('acl', 'setuser', 'default', 'off', 'resetpass', '~*', '&*', '+@all')
          await admin.call('acl', 'save')
        }),
    ],
    ['the new file is in its place', ({ file, written }: Deployed) => writeFile(file, written)],
  ])('has every job that came under the old line, when %s before', async (_what, migrate) => {
    const deployed = await deploy('single', (text) => text.replace(/^user default .*$/m, OLD_LINE))
    const { redis } = deployed
    await enqueue(redis)
    await migrate(deployed)
    await end(redis)
    await redis.server.start()
    expect(await waitingIn(redis)).toEqual(ALL)
    expect(await loginsAsDefault(redis)).toEqual(KEPT_OUT)
    await redis.server.stop()
  })
})
