import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openProducer } from '../../../src/producer/open-producer.ts'
import { loadConfig } from '../../../src/config/load-config.ts'
import type { Config } from '../../../src/config/settings.ts'
import { startRedis } from '../../../devkit/start-redis.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { startAuditor } from '../../../workers/auditor.ts'
import { startAuthorizer } from '../../../workers/authorizer.ts'
import { aCommand } from '../../support/a-command.ts'
import { outcomesOf, recordedOutcomes } from '../../support/ledger.ts'
import { RawRedis } from '../../support/raw-redis.ts'
import { type Stack, seedDocuments, startStack } from '../../support/stack.ts'
import { WorkerProcess, runningWorkers } from '../../support/worker-process.ts'

const EVICTING = ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru']
const REFUSAL =
  /^JW_REDIS_UNFIT: Redis at 127\.0\.0\.1:\d+ evicts keys \(maxmemory-policy allkeys-lru\) and with them jobs; set maxmemory-policy noeviction$/
const PRODUCER = { lifetimeMs: 600_000, tracing: false }

let stack: Stack

beforeAll(async () => {
  stack = await startStack()
  await seedDocuments(stack.owner)
})
afterEach(() => Promise.all(runningWorkers().map((worker) => worker.stop())))
afterAll(() => stack.close())

describe('a Redis that evicts keys', () => {
  const log = createLogger('test', 'silent')
  test.each([
    ['an authorizer', (config: Config) => startAuthorizer({ config, log })],
    ['an auditor', (config: Config) => startAuditor({ config, log })],
    ['a producer', (config: Config) => openProducer(config, PRODUCER)],
  ] as const)('is refused by %s, which says what to set', async (_who, start) => {
    const { url, server } = await startRedis({ workspace: stack.workspace, extraArgs: EVICTING })
    await expect(start(stack.config({ JOBWARDEN_REDIS_URL: url }))).rejects.toThrow(REFUSAL)
    await server.stop()
  })

  test('that comes up after the worker makes it end with the same words, before it takes a job', async () => {
    const { url, server } = await startRedis({ workspace: stack.workspace, appendonly: true, extraArgs: EVICTING })
    const env = stack.env({ JOBWARDEN_REDIS_URL: url, JOBWARDEN_LOG_LEVEL: 'info' })
    const command = aCommand()
    const opened = await openProducer(stack.config(), PRODUCER)
    const raw = new RawRedis(loadConfig(env))
    await raw.push({ id: command.id, name: command.action, data: JSON.stringify(await opened.sign(command)) })
    raw.close()
    await opened.close()
    await server.stop()
    const worker = new WorkerProcess('workers/authorizer.ts', env)
    await worker.writes('authorizing')
    await server.start()
    expect(await worker.ended).toBe('exited with status 1')
    expect(worker.lines.join('\n')).toMatch(/JW_REDIS_UNFIT: .* set maxmemory-policy noeviction.*"cannot work"/)
    expect((await recordedOutcomes(stack.owner, [command.id])).size).toBe(0)
  })
})

test('a replica is refused: it takes no jobs', async () => {
  const { port } = stack.redis
  const extraArgs = ['--replicaof', `127.0.0.1 ${port}`]
  const { url, server } = await startRedis({ workspace: stack.workspace, extraArgs })
  await expect(openProducer(stack.config({ JOBWARDEN_REDIS_URL: url }), PRODUCER)).rejects.toThrow(
    /^JW_REDIS_UNFIT: .* is a replica and accepts no jobs; name its master$/,
  )
  await server.stop()
})

test.each([
  [false, 1],
  [true, 0],
] as const)('with appendonly %s a worker warns %i times that jobs may be forgotten', async (appendonly, warnings) => {
  const { url, server } = await startRedis({ workspace: stack.workspace, appendonly })
  const env = stack.env({ JOBWARDEN_REDIS_URL: url, JOBWARDEN_LOG_LEVEL: 'info' })
  const worker = new WorkerProcess('workers/auditor.ts', env)
  await worker.writes('auditing')
  expect(worker.count('has no append-only file: it forgets its jobs when it dies; set appendonly yes')).toBe(warnings)
  expect(await worker.stop()).toBe('exited with status 0')
  await server.stop()
})

test.each([
  ['user default off', 1],
  ['user default off resetpass ~* &* +@all', 0],
])('as a user who may ask, a worker warns of "%s" %i times', async (line, warnings) => {
  const aclFile = join(await stack.workspace.folder('own-users'), 'users.acl')
  await writeFile(aclFile, `${line}\nuser app on >secret-of-app ~* &* +@all\n`)
  const { url, server } = await startRedis({ workspace: stack.workspace, appendonly: true, aclFile })
  const login = { JOBWARDEN_REDIS_USERNAME: 'app', JOBWARDEN_REDIS_PASSWORD: 'secret-of-app' }
  const env = stack.env({ JOBWARDEN_REDIS_URL: url, ...login, JOBWARDEN_LOG_LEVEL: 'info' })
  const worker = new WorkerProcess('workers/auditor.ts', env)
  await worker.writes('auditing')
  expect(worker.count('will drop its jobs when it restarts: the default user may not run')).toBe(warnings)
  expect(await worker.stop()).toBe('exited with status 0')
  await server.stop()
})

test('a worker waits for a Redis that is not there yet, and then works', async () => {
  const { url, server } = await startRedis({ workspace: stack.workspace, appendonly: true })
  await server.stop()
  const env = { JOBWARDEN_REDIS_URL: url, JOBWARDEN_LOG_LEVEL: 'info' }
  const settings = stack.env(env)
  const worker = new WorkerProcess('workers/authorizer.ts', settings)
  await worker.writes('authorizing')
  await worker.writes('JW_REDIS_UNAVAILABLE')
  const command = aCommand()
  await server.start()
  const prefix = settings['JOBWARDEN_QUEUE_PREFIX'] ?? ''
  const opened = await openProducer(stack.config({ ...env, JOBWARDEN_QUEUE_PREFIX: prefix }), PRODUCER)
  await opened.producer.enqueue([command])
  await outcomesOf(stack.owner, [command.id])
  await opened.close()
  expect(await worker.stop()).toBe('exited with status 0')
  await server.stop()
})
