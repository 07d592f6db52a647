import { Queue, Worker } from 'bullmq'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type LocalRedis, startRedis } from '../../../devkit/start-redis.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { AUDIT_QUEUE, COMMAND_QUEUE } from '../../../src/redis/queue-names.ts'
import { queueFailure } from '../../../src/redis/failures.ts'
import { connectRedis } from '../../../src/redis/connect.ts'
import type { RedisConnection } from '../../../src/redis/options.ts'
import { passwordOf, writeUsers } from '../../support/redis-users.ts'

const PREFIX = 'acl'
const ADMITTED = ['producer', 'worker', 'auditor', 'reader'] as const
const ROLES = [...ADMITTED, 'nobody', 'stranger'] as const
type Role = (typeof ROLES)[number]

let workspace: Workspace
let server: LocalRedis
let admin: RedisConnection
const connections = new Map<Role, RedisConnection>()

beforeAll(async () => {
  workspace = await openWorkspace()
  const aclFile = await writeUsers(workspace, { prefix: PREFIX, topology: 'single' })
  server = await startRedis({ workspace, aclFile })
  admin = connectAs('admin', passwordOf('admin'))
  for (const role of ADMITTED) connections.set(role, connectAs(role, passwordOf(role)))
})
afterAll(async () => {
  for (const redis of [admin, ...connections.values()]) redis.disconnect()
  await workspace.close()
})

function connectAs(username: string | undefined, password: string | undefined): RedisConnection {
  return connectRedis({ place: { kind: 'single', url: server.url }, username, password }, 'worker', () => undefined)
}

/** A queue as one user sees it: `skipMetasUpdate` is how a dashboard opens one that it may only read. */
function queueOf(name: string, connection: RedisConnection): Queue {
  const queue = new Queue(name, { prefix: PREFIX, connection, skipMetasUpdate: true })
  queue.on('error', () => undefined) // The calls reject.
  return queue
}

// Each queue has a job that waits and one that has failed.
beforeEach(async () => {
  await admin.flushall()
  for (const name of [COMMAND_QUEUE, AUDIT_QUEUE]) {
    const queue = queueOf(name, admin)
    await queue.add('job', 'data', { jobId: 'job-that-failed', attempts: 1 })
    const worker = new Worker(name, null, { prefix: PREFIX, connection: admin, autorun: false })
    const job = await worker.getNextJob('token', { block: false })
    await job?.moveToFailed(new Error('on purpose'), 'token')
    await queue.add('job', 'data', { jobId: 'job-that-waits' })
    await worker.close()
    await queue.close()
  }
})

type Action = (redis: RedisConnection) => Promise<unknown>

function onQueue(name: string, act: (queue: Queue) => Promise<unknown>): Action {
  return async (redis) => {
    const queue = queueOf(name, redis)
    try {
      await act(queue)
    } finally {
      await queue.close()
    }
  }
}

function take(name: string): Action {
  return async (redis) => {
    const worker = new Worker(name, null, { prefix: PREFIX, connection: redis, autorun: false })
    worker.on('error', () => undefined)
    try {
      const job = await worker.getNextJob('token', { block: false })
      expect(job?.id).toBe('job-that-waits')
      await job?.moveToCompleted('done', 'token', false)
    } finally {
      await worker.close(true)
    }
  }
}

const raw =
  (...[command, ...args]: readonly [string, ...string[]]): Action =>
  (redis) =>
    redis.call(command, ...args)

/** What may be tried on a queue, and who succeeds on the command queue and on the audit queue. */
const ON_QUEUES: readonly (readonly [string, (name: string) => Action, readonly Role[], readonly Role[]])[] = [
  [
    'add a job',
    (name) => onQueue(name, (queue) => queue.add('job', 'data', { jobId: 'job-that-is-new' })),
    ['producer', 'worker'],
    ['worker', 'auditor'],
  ],
  ['take a job and settle it', take, ['worker'], ['auditor']],
  ['count jobs', (name) => onQueue(name, (queue) => queue.getJobCounts()), ['worker', 'reader'], ['reader']],
  [
    'list jobs',
    (name) => onQueue(name, (queue) => queue.getJobs(['waiting', 'failed'])),
    ['worker', 'reader'],
    ['reader'],
  ],
  [
    'read a job',
    (name) => onQueue(name, (queue) => queue.getJob('job-that-waits')),
    ['worker', 'reader'],
    ['auditor', 'reader'],
  ],
  [
    'read logs of a job',
    (name) => onQueue(name, (queue) => queue.getJobLogs('job-that-waits')),
    ['reader'],
    ['reader'],
  ],
  [
    'remove a job',
    (name) => onQueue(name, (queue) => queue.remove('job-that-waits').then((removed) => expect(removed).toBe(1))),
    ['worker'],
    ['auditor'],
  ],
  ['retry failed jobs', (name) => onQueue(name, (queue) => queue.retryJobs()), ['worker'], ['auditor']],
  ['pause the queue', (name) => onQueue(name, (queue) => queue.pause()), ['worker'], ['auditor']],
  [
    'obliterate the queue',
    (name) => onQueue(name, (queue) => queue.obliterate({ force: true })),
    ['worker'],
    ['auditor'],
  ],
]
const ELSEWHERE: readonly (readonly [string, Action])[] = [
  ['write a key of its own', raw('set', 'elsewhere', '1')],
  ['run a script on a key elsewhere', raw('eval', 'return redis.call("get", KEYS[1])', '1', 'elsewhere')],
  ['run a script on a key that it does not declare', raw('eval', 'return redis.call("hget", "elsewhere", "f")', '0')],
  ['list all keys', raw('keys', '*')],
  ['walk all keys', raw('scan', '0')],
  ['remove all keys', raw('flushall')],
  ['read the configuration', raw('config', 'get', '*')],
  ['change the users', raw('acl', 'setuser', 'mallory', 'on', 'nopass', '~*', '+@all')],
  ['read the log of refusals', raw('acl', 'log')],
  ['follow a master elsewhere', raw('replicaof', '127.0.0.1', '1')],
  ['stop the server', raw('shutdown')],
  ['cut off other clients', raw('client', 'kill', 'type', 'normal')],
  ['publish on a channel', raw('publish', 'channel', 'message')],
  ['watch what others send', raw('monitor')],
  ['load code', raw('function', 'load', '#!lua name=x\nredis.register_function("x", function() end)')],
]

/** Who is not let in gets a connection for each attempt: an old one would wait for the next of its tries. */
function connectionOf(role: Role): RedisConnection {
  if (role === 'nobody') return connectAs(undefined, undefined)
  return connections.get(role) ?? connectAs('worker', 'guessed')
}

async function attempt(role: Role, action: Action): Promise<'may' | 'may not'> {
  const redis = connectionOf(role)
  try {
    await redis.ping() // BullMQ would wait for a connection that is let in.
    await action(redis)
    return 'may'
  } catch (error) {
    if (error instanceof Error && queueFailure(error).code === 'JW_REDIS_REFUSED') return 'may not'
    throw error
  } finally {
    if (connections.get(role) !== redis) redis.disconnect()
  }
}

function cells(allowed: readonly Role[]): [Role, 'may' | 'may not'][] {
  return ROLES.map((role) => [role, allowed.includes(role) ? 'may' : 'may not'])
}

describe.each(ON_QUEUES)('%s', (_what, action, onCommands, onAudit) => {
  test.each(cells(onCommands))('on the command queue, %s: %s', async (role, expected) => {
    expect(await attempt(role, action(COMMAND_QUEUE))).toBe(expected)
  })
  test.each(cells(onAudit))('on the audit queue, %s: %s', async (role, expected) => {
    expect(await attempt(role, action(AUDIT_QUEUE))).toBe(expected)
  })
})

describe.each(ELSEWHERE)('%s', (_what, action) => {
  test.each(cells([]))('%s: %s', async (role, expected) => {
    expect(await attempt(role, action)).toBe(expected)
  })
})

// Adding a job reads and writes the queue's settings, and whoever writes one of them writes any.
test('a producer that pauses is refused, and the queue is paused all the same', async () => {
  expect(
    await attempt(
      'producer',
      onQueue(COMMAND_QUEUE, (queue) => queue.pause()),
    ),
  ).toBe('may not')
  expect(
    await onQueue(COMMAND_QUEUE, async (queue) => expect(await queue.isPaused()).toBe(true))(admin),
  ).toBeUndefined()
})
