import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type LocalRedis, startRedis } from '../../../devkit/start-redis.ts'
import { aCommand } from '../../support/a-command.ts'
import { eventually, outcomesOf } from '../../support/ledger.ts'
import { runCli } from '../../support/run-cli.ts'
import { type Stack, seedDocuments, startStack } from '../../support/stack.ts'
import { WorkerProcess, runningWorkers } from '../../support/worker-process.ts'

const PASSWORD = 'p@ss/w#r:d?%20 &x'
const ENCODED = encodeURIComponent(PASSWORD)
const WORKERS = ['workers/authorizer.ts', 'workers/auditor.ts'] as const
const REFUSAL = /JW_CONFIG_INVALID: JOBWARDEN_REDIS_URL: Redis has no database 99 \(.*\); name another one/

let stack: Stack
let redis: LocalRedis
let at: (path: string) => string

beforeAll(async () => {
  stack = await startStack()
  await seedDocuments(stack.owner)
  redis = await startRedis({
    workspace: stack.workspace,
    appendonly: true,
    extraArgs: ['--databases', '4', '--requirepass', PASSWORD],
  })
  at = (path) => `redis://:${ENCODED}@127.0.0.1:${redis.port}${path}`
})
afterEach(() => Promise.all(runningWorkers().map((worker) => worker.stop())))
afterAll(() => stack.close())

/** How many keys a database of the server has. */
async function keysIn(db: number, port = redis.port, password = PASSWORD): Promise<number> {
  const client = new Redis({ port, db, password, retryStrategy: null })
  try {
    return await client.dbsize()
  } finally {
    client.disconnect()
  }
}

const enqueue = (env: Readonly<Record<string, string>>, id: string) =>
  runCli('cli/jobwarden.ts', ['enqueue'], { env, input: JSON.stringify(aCommand({ id })) })

describe('a database that Redis does not have', () => {
  test('is refused by a producer, and nothing is written to database 0', async () => {
    const { status, stderr } = await enqueue(stack.env({ JOBWARDEN_REDIS_URL: at('/99') }), 'to-99')
    expect(stderr).toMatch(REFUSAL)
    expect(stderr).not.toContain(ENCODED)
    expect(status).toBe(2)
    expect(await keysIn(0)).toBe(0)
  })

  test.each(WORKERS)('is refused by %s, and nothing is written to database 0', async (entry) => {
    const worker = new WorkerProcess(entry, stack.env({ JOBWARDEN_REDIS_URL: at('/99'), JOBWARDEN_LOG_LEVEL: 'info' }))
    expect(await worker.ended).toBe('exited with status 1')
    expect(worker.lines.join('\n')).toMatch(REFUSAL)
    expect(worker.count('"did not start"')).toBe(1)
    expect(await keysIn(0)).toBe(0)
  })

  test('any more after a restart leaves a worker without jobs, and database 0 untouched', async () => {
    const file = join(stack.workspace.path, 'databases.conf')
    await writeFile(file, 'databases 8\n')
    const { url, port, server } = await startRedis({ workspace: stack.workspace, extraArgs: ['--include', file] })
    const env = stack.env({ JOBWARDEN_REDIS_URL: `${url}/7`, JOBWARDEN_LOG_LEVEL: 'info' })
    const worker = new WorkerProcess('workers/auditor.ts', env)
    await worker.writes('auditing')
    await server.stop()
    await writeFile(file, 'databases 4\n')
    await server.start()
    await worker.writes('JW_REDIS_REFUSED: ERR DB index is out of range')
    // Twice: each of its connections comes back and is dropped.
    await eventually(async () => (worker.count('DB index is out of range') > 2 ? true : undefined))
    expect(await keysIn(0, port, '')).toBe(0)
    expect(await worker.stop()).toBe('exited with status 0')
    await server.stop()
  })
})

test('jobs are in the database that the URL names, and in no other', async () => {
  const env = stack.env({ JOBWARDEN_REDIS_URL: at('/3') })
  expect(await enqueue(env, 'to-3')).toMatchObject({ status: 0, stderr: '' })
  const workers = WORKERS.map((entry) => new WorkerProcess(entry, env))
  expect((await outcomesOf(stack.owner, ['to-3'])).get('to-3')?.outcome).toBe('executed')
  expect(await Promise.all(workers.map((worker) => worker.stop()))).toEqual(Array(2).fill('exited with status 0'))
  expect(await keysIn(3)).toBeGreaterThan(0)
  expect(await keysIn(0)).toBe(0)
})

describe('a password with every character that means something in a URL', () => {
  test('works percent-encoded, and raw from a file', async () => {
    const file = join(stack.workspace.path, 'redis-password')
    await writeFile(file, `${PASSWORD}\n`)
    const url = `redis://default@127.0.0.1:${redis.port}/2`
    const raw = { JOBWARDEN_REDIS_URL: url, JOBWARDEN_REDIS_PASSWORD_FILE: file }
    for (const env of [{ JOBWARDEN_REDIS_URL: at('/2') }, raw])
      expect(await enqueue(stack.env(env), 'by-password')).toMatchObject({ status: 0, stderr: '' })
  })

  test('is in no line of a program that is not let in', async () => {
    const env = stack.env({
      JOBWARDEN_REDIS_URL: at('').replace(ENCODED, `${ENCODED}QXZ`),
      JOBWARDEN_LOG_LEVEL: 'trace',
    })
    const worker = new WorkerProcess('workers/auditor.ts', env)
    const { stderr } = await enqueue(env, 'not-let-in')
    expect(stderr).toMatch(/^JW_QUEUE_UNAVAILABLE: the queue did not accept the commands: WRONGPASS/)
    await worker.writes('WRONGPASS')
    await worker.stop()
    for (const said of [stderr, ...worker.lines]) expect(said).not.toMatch(/QXZ|p@ss|p%40ss/)
  })
})
