import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { Denial } from '../../../src/domain/denial.ts'
import { Failure } from '../../../src/domain/failure.ts'
import { freePort } from '../../../devkit/free-port.ts'
import { runningServers, startServer } from '../../../devkit/server-process.ts'
import { startRedis } from '../../../devkit/start-redis.ts'
import { tcpExchange } from '../../../devkit/tcp-exchange.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { AuditQueue } from '../../../src/queue/audit-queue.ts'
import { CommandQueue } from '../../../src/queue/command-queue.ts'
import { consume } from '../../../src/queue/consume.ts'
import { COMMAND_QUEUE } from '../../../src/redis/queue-names.ts'
import { queueFailure } from '../../../src/redis/failures.ts'
import { connectRedis } from '../../../src/redis/connect.ts'
import type { RedisConnection } from '../../../src/redis/options.ts'
import { askRedis } from '../../support/ask-redis.ts'
import { eventually } from '../../support/ledger.ts'
import { onSmallDisk } from '../../support/small-disk.ts'

const PREFIX = 'full'
const NOBODY = {}

const workspace: Workspace = await openWorkspace()
let port: number

afterAll(async () => {
  await workspace.close()
  expect(runningServers()).toEqual([])
})

function connect(use: 'worker' | 'producer'): RedisConnection {
  return connectRedis({ place: { kind: 'single', url: `redis://127.0.0.1:${port}` } }, use, () => undefined)
}

const ping = (signal = AbortSignal.timeout(1_000)) => tcpExchange(port, 'PING\r\n', signal)

const config = (name: string, value: string) => askRedis(port, (redis) => redis.config('SET', name, value), NOBODY)

/** Adds these commands as a producer does, and returns what it is told. */
async function produce(...ids: readonly string[]): Promise<string> {
  const redis = connect('producer')
  const queue = new CommandQueue({
    prefix: PREFIX,
    redis,
    confirm: { replicas: 0, timeoutMs: 0 },
    onError: () => undefined,
  })
  const adding = queue.add(ids.map((id) => ({ id, action: 'read', jws: 'x'.repeat(500) })))
  const told = await adding.then(
    () => 'taken',
    (error: unknown) => String(error),
  )
  await queue.close()
  redis.disconnect()
  return told
}

/** Consumes until `enough`, and returns the failures that the worker would log. */
async function consumeUntil(enough: (failures: readonly Failure[], taken: readonly string[]) => boolean) {
  const redis = connect('worker')
  const failures: Failure[] = []
  const taken: string[] = []
  const onError = (error: Error) => failures.push(error instanceof Failure ? error : queueFailure(error))
  const options = { queue: COMMAND_QUEUE, prefix: PREFIX, redis, concurrency: 1, lockMs: 1_000, keepFinished: 10 }
  const consumer = consume(
    { ...options, startAfter: Promise.resolve(), onError, onFailure: () => undefined },
    async ({ jobId }) => taken.push(jobId),
  )
  await eventually(async () => enough(failures, taken) || undefined)
  await consumer.close()
  redis.disconnect()
  return failures
}

/** What a worker and an auditor's publisher are told by a Redis that takes nothing. */
async function expectUnavailable(why: RegExp): Promise<void> {
  const failures = await consumeUntil((seen) => seen.length > 0)
  for (const failure of failures) expect(failure.message).toMatch(/^JW_REDIS_UNAVAILABLE: /)
  expect(failures[0]?.message).toMatch(why)
  const redis = connect('worker')
  const audit = new AuditQueue({ prefix: PREFIX, redis, onError: () => undefined })
  const denial: Denial = { id: 'a-denial', outcome: 'denied', reasons: [{ code: 'on_purpose', message: '' }] }
  await expect(audit.publish([{ denial }])).rejects.toThrow(/^JW_AUDIT_UNAVAILABLE: 1 denials: /)
  await audit.close()
  redis.disconnect()
}

describe('a Redis that is there and takes no commands', () => {
  beforeEach(async () => {
    ;({ port } = await startRedis({ workspace, appendonly: true }))
    expect(await produce('job-1')).toBe('taken')
  })

  test.each([
    ['at its maxmemory', 'maxmemory', '1', '0', /OOM command not allowed.*; .*: raise maxmemory$/],
    ['without its replicas', 'min-replicas-to-write', '1', '0', /NOREPLICAS .*; .*: start them, or lower it$/],
  ])('%s is no defect but an outage, and what was added before is there afterwards', async (...cell) => {
    const [, name, broken, healed, why] = cell
    await config(name, broken)
    const told = await produce('job-2')
    expect(told).toMatch(/^Failure: JW_QUEUE_UNAVAILABLE: the queue did not accept the commands: /)
    expect(told).toMatch(why)
    await expectUnavailable(why)
    await config(name, healed)
    expect(await produce('job-2')).toBe('taken')
    await consumeUntil((_, taken) => ['job-1', 'job-2'].every((id) => taken.includes(id)))
  })

  test('because a script keeps it busy tells how to end the script', async () => {
    await config('busy-reply-threshold', '20')
    const why = /BUSY Redis is busy running a script.*; .*: wait, or call SCRIPT KILL$/
    const blocking = new Redis({ port })
    const script = blocking.eval('while true do end', 0).catch((error: unknown) => error)
    await eventually(async () => ((await ping()).startsWith('-BUSY') ? true : undefined))
    const redis = new Redis({ port, enableReadyCheck: false })
    const said: unknown = await redis.get('key').catch((error: unknown) => error)
    expect(said instanceof Error ? queueFailure(said).message : said).toMatch(why)
    await redis.script('KILL')
    await script
    redis.disconnect()
    blocking.disconnect()
  })

  test('because it has too many clients is an outage', async () => {
    const admin = new Redis({ port })
    await admin.config('SET', 'maxclients', '1')
    const said = await ping()
    expect(queueFailure(new Error(said.trim().slice(1))).message).toMatch(
      /^JW_REDIS_UNAVAILABLE: ERR max number of clients reached; .* raise its maxclients$/,
    )
    await admin.config('SET', 'maxclients', '100')
    admin.disconnect()
  })

  test('in a transaction is an outage for the reason of the command that it refused', async () => {
    await config('maxmemory', '1')
    const redis = new Redis({ port })
    const error: unknown = await redis
      .multi()
      .set('key', 'value')
      .exec()
      .catch((thrown: unknown) => thrown)
    expect(error instanceof Error ? queueFailure(error).message : error).toMatch(
      /^JW_REDIS_UNAVAILABLE: EXECABORT .* OOM command not allowed.*raise maxmemory$/,
    )
    redis.disconnect()
  })
})

test('a full disk is an outage too, and once there is space Redis has all that it acknowledged', async () => {
  const folder = await workspace.folder('small-disk')
  port = await freePort()
  const redis = ['redis-server', '--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '']
  const ballast = `head -c 3000k /dev/zero >'${join(folder, 'ballast')}' && exec "$@"`
  const program = ['sh', '-c', ballast, 'sh', ...redis, '--appendonly', 'yes', '--maxmemory-policy', 'noeviction']
  const server = await startServer({
    name: 'redis-server',
    file: 'unshare',
    args: onSmallDisk(folder, 3200, program),
    isReady: async (signal) => (await ping(signal)).startsWith('+PONG'),
  })
  workspace.defer(() => server.stop())
  const acknowledged: string[] = []
  const why = /MISCONF .*; .*: free space on its disk; its log names the file$/
  const told = await eventually(async () => {
    const ids = Array.from({ length: 20 }, (_, at) => `job-${acknowledged.length + at}`)
    const answer = await produce(...ids)
    if (answer !== 'taken') return answer
    acknowledged.push(...ids)
    return undefined
  })
  expect(told).toMatch(/^Failure: JW_QUEUE_UNAVAILABLE: /)
  expect(told).toMatch(why)
  await expectUnavailable(why)

  await rm(`/proc/${server.pid}/root${join(folder, 'ballast')}`)
  await eventually(async () => ((await produce('job-after')) === 'taken' ? true : undefined))
  await consumeUntil((_, taken) => [...acknowledged, 'job-after'].every((id) => taken.includes(id)))
  expect(acknowledged.length).toBeGreaterThan(40)
})
