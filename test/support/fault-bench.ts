import { Queue } from 'bullmq'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { type OpenProducer, openProducer } from '../../src/producer/open-producer.ts'
import { redisOptions } from '../../src/config/adapter-options.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { runningServers } from '../../devkit/server-process.ts'
import type { Workspace } from '../../devkit/workspace.ts'
import { AUDIT_QUEUE, COMMAND_QUEUE } from '../../src/redis/queue-names.ts'
import { connectRedis } from '../../src/redis/connect.ts'
import type { RedisConnection } from '../../src/redis/options.ts'
import { type FaultPoint, faultAt } from './killable-authorizer.ts'
import { brokenInvariants } from './invariants.ts'
import { eventually, outcomesOf } from './ledger.ts'

import { type Stack, startStack } from './stack.ts'
import { WorkerProcess, runningWorkers } from './worker-process.ts'
import { type Workload, emptyDatabase } from './workload.ts'

/** Locks and deadlines so short that a fault is over soon, and so long that servers keep them on a busy machine. */
const QUICK = {
  JOBWARDEN_JOB_LOCK_MS: '1500',
  JOBWARDEN_OPA_TIMEOUT_MS: '700',
  JOBWARDEN_OPA_RESET_MS: '300',
  JOBWARDEN_DATABASE_TIMEOUT_MS: '400',
  JOBWARDEN_LOG_LEVEL: 'info',
}

/** One test's queues and processes on the servers of its file. */
export type FaultBench = {
  readonly stack: Stack
  readonly queue: OpenProducer
  /** The queues as BullMQ sees them, to look at and to tamper with. */
  readonly commands: Queue
  readonly audit: Queue
  readonly redis: RedisConnection
  readonly startAuthorizer: (overrides?: Readonly<Record<string, string>>) => WorkerProcess
  readonly startAuditor: (overrides?: Readonly<Record<string, string>>) => WorkerProcess
  /** An authorizer that sends itself `signal` at `point` once `after` commands have come that far. */
  readonly startFaulty: (point: FaultPoint, signal: 'SIGKILL' | 'SIGSTOP', after: number) => WorkerProcess
  readonly enqueue: (workload: Pick<Workload, 'commands'>) => Promise<void>
  /** Waits until nothing is under way, and checks that every command ended as expected and no invariant is broken. */
  readonly expectOrder: (workload: Workload) => Promise<void>
  /** The last lines of every worker of the test. */
  readonly logs: () => string
}

/** Starts another Redis than the stack's, and gives the settings with which its users reach it. */
export type RedisSetup = (workspace: Workspace) => Promise<(user: string) => Readonly<Record<string, string>>>

const STACKS_OWN: RedisSetup = async () => () => ({})

/** Starts servers for a test file, and gives each of its tests an empty database and queues of its own. */
export function useFaultBench(setUpRedis: RedisSetup = STACKS_OWN): () => FaultBench {
  let redisEnv: Awaited<ReturnType<RedisSetup>>
  let stack: Stack
  let bench: FaultBench
  let close: () => Promise<void>

  beforeAll(async () => {
    stack = await startStack()
    // The stack trades durability for speed; here the server dies, and what it has acknowledged must survive.
    await sql`alter database postgres set synchronous_commit = on`.execute(stack.owner)
    redisEnv = await setUpRedis(stack.workspace)
  })
  afterAll(async () => {
    await stack.close()
    expect(runningServers()).toEqual([])
    expect(runningWorkers()).toEqual([])
  })
  beforeEach(async () => {
    await emptyDatabase(stack.owner)
    const opened = await openBench(stack, redisEnv)
    bench = opened.bench
    close = opened.close
  })
  afterEach(async ({ task }) => {
    await Promise.all(runningWorkers().map((worker) => worker.stop()))
    await close()
    if (task.result?.state === 'fail') process.stderr.write(bench.logs())
  })
  return () => bench
}

async function openBench(
  stack: Stack,
  redisEnv: Awaited<ReturnType<RedisSetup>>,
): Promise<{ bench: FaultBench; close: () => Promise<void> }> {
  const env = stack.env(QUICK)
  const config = loadConfig({ ...env, ...redisEnv('admin') })
  const onError = () => undefined
  const redis = connectRedis(redisOptions(config), 'worker', onError)
  const [commands, audit] = [COMMAND_QUEUE, AUDIT_QUEUE].map((name) => {
    const queue = new Queue(name, { prefix: config.queuePrefix, connection: redis })
    queue.on('error', onError)
    return queue
  })
  if (commands === undefined || audit === undefined) throw new Error('there are two queues')
  const queue = await openProducer(loadConfig({ ...env, ...redisEnv('producer') }), {
    lifetimeMs: 600_000,
    tracing: false,
  })
  const workers: WorkerProcess[] = []
  const start = (entry: string, user: string, overrides: Readonly<Record<string, string>> = {}) => {
    const worker = new WorkerProcess(entry, { ...env, ...redisEnv(user), ...overrides })
    workers.push(worker)
    return worker
  }
  const bench: FaultBench = {
    stack,
    queue,
    commands,
    audit,
    redis,
    startAuthorizer: (overrides) => start('workers/authorizer.ts', 'worker', overrides),
    startAuditor: (overrides) => start('workers/auditor.ts', 'auditor', overrides),
    startFaulty: (...fault) => start('test/support/killable-authorizer.ts', 'worker', faultAt(...fault)),
    enqueue: async (workload) => {
      const { rejected } = await queue.producer.enqueue(workload.commands)
      expect(rejected).toEqual([])
    },
    expectOrder: (workload) => expectOrder(bench, workload),
    logs: () => workers.map(({ entry, lines }) => `${entry}:\n${lines.slice(-15).join('\n')}\n`).join('\n'),
  }
  const close = async () => {
    await queue.close()
    await Promise.all([commands.close(), audit.close()])
    redis.disconnect()
  }
  return { bench, close }
}

async function expectOrder({ stack: { owner }, commands, audit }: FaultBench, workload: Workload): Promise<void> {
  const ended = await outcomesOf(owner, [...workload.expected.keys()])
  await eventually(async () => {
    const counts = await Promise.all([commands, audit].map((queue) => queue.getJobCountByTypes(...UNDER_WAY)))
    return counts.every((count) => count === 0) || undefined
  })
  expect(new Map([...ended].map(([id, { outcome }]) => [id, outcome]))).toEqual(workload.expected)
  // What a sweep records is on no queue for a moment.
  const inOrder = async () => Object.keys(await brokenInvariants(owner, workload)).length === 0 || undefined
  await eventually(inOrder, 10_000).catch(() => undefined)
  expect(await brokenInvariants(owner, workload)).toEqual({})
}

const UNDER_WAY = ['waiting', 'active', 'delayed'] as const
