import { Queue } from 'bullmq'
import { afterEach, expect, test } from 'vitest'
import { redisOptions } from '../../../src/config/adapter-options.ts'
import { loadConfig } from '../../../src/config/load-config.ts'
import type { Denial } from '../../../src/domain/denial.ts'
import { Failure, type FailureCode } from '../../../src/domain/failure.ts'
import { startRedis } from '../../../devkit/start-redis.ts'
import { AuditQueue } from '../../../src/queue/audit-queue.ts'
import { consume } from '../../../src/queue/consume.ts'
import { FailedJobs } from '../../../src/queue/failed-jobs.ts'
import { AUDIT_QUEUE, COMMAND_QUEUE } from '../../../src/redis/queue-names.ts'
import { connectRedis } from '../../../src/redis/connect.ts'
import type { RedisConnection } from '../../../src/redis/options.ts'
import { useFaultBench } from '../../support/fault-bench.ts'
import { eventually } from '../../support/ledger.ts'
import { loginOf, writeUsers } from '../../support/redis-users.ts'
import { seedWorkload } from '../../support/workload.ts'

const PREFIX = 'jobwarden'

let redisUrl: string

const bench = useFaultBench(async (workspace) => {
  const aclFile = await writeUsers(workspace, { prefix: PREFIX, topology: 'single' })
  redisUrl = (await startRedis({ workspace, appendonly: true, aclFile })).url
  return settingsOf
})

function settingsOf(user: string): Record<string, string> {
  return { JOBWARDEN_REDIS_URL: redisUrl, JOBWARDEN_QUEUE_PREFIX: PREFIX, ...loginOf(user) }
}

afterEach(() => bench().redis.flushall())

/** What Redis refused is in its log, whether the caller noticed or not. */
const refusals = () => bench().redis.call('acl', 'log')

async function asUser<Result>(user: string, run: (redis: RedisConnection) => Promise<Result>): Promise<Result> {
  const redis = connectRedis(redisOptions(loadConfig(settingsOf(user))), 'worker', () => undefined)
  try {
    return await run(redis)
  } finally {
    redis.disconnect()
  }
}

test('every role does its whole work with its own user, and Redis refuses none of it', async () => {
  const { stack, startAuditor, startAuthorizer, enqueue, expectOrder } = bench()
  const workload = await seedWorkload(stack.owner, 20)
  // Sweeps so often that denials on their way are published again.
  const sweeping = { JOBWARDEN_SWEEP_MS: '100', JOBWARDEN_SWEEP_GRACE_MS: '0' }
  await Promise.all([startAuditor(sweeping).writes('auditing'), startAuthorizer(sweeping).writes('authorizing')])
  await enqueue(workload)
  await enqueue(workload)
  await expectOrder(workload)
  expect(await refusals()).toEqual([])
})

const CONSUMING = {
  startAfter: Promise.resolve(),
  concurrency: 1,
  lockMs: 1_500,
  keepFinished: 10,
  onFailure: () => undefined,
}

test('a worker delays, retries and buries jobs, and finds them among the failed ones', async () => {
  const dispositions: FailureCode[] = ['JW_STORE_UNAVAILABLE', 'JW_STORE_REJECTED', 'JW_LOCK_LOST']
  const buried = await asUser('worker', async (redis) => {
    const queue = { prefix: PREFIX, redis, onError: () => undefined }
    await bench().commands.add('read', 'data', { jobId: 'job-1', attempts: 5 })
    const consumer = consume(
      { ...queue, ...CONSUMING, queue: COMMAND_QUEUE },
      async () => new Failure(dispositions.shift() ?? 'JW_UNEXPECTED', 'on purpose'),
    )
    const failedJobs = new FailedJobs(COMMAND_QUEUE, queue)
    try {
      return await eventually(async () => {
        for await (const page of failedJobs.since(0)) return page
        return undefined
      })
    } finally {
      await consumer.close()
      await failedJobs.close()
    }
  })
  expect(buried).toMatchObject([{ delivery: { jobId: 'job-1' }, failedReason: 'JW_UNEXPECTED: on purpose' }])
  expect(await refusals()).toEqual([])
})

test('an auditor publishes a denial again that it had given up on', async () => {
  const { audit } = bench()
  const { commands } = await seedWorkload(bench().stack.owner, 1)
  const id = commands[0]?.id ?? ''
  await asUser('auditor', async (redis) => {
    const sink = new AuditQueue({ prefix: PREFIX, redis, onError: () => undefined })
    const denial: Denial = { id, outcome: 'denied', reasons: [{ code: 'on_purpose', message: 'on purpose' }] }
    const publish = () => sink.publish([{ denial }])
    await publish()
    const consumer = consume(
      { ...CONSUMING, prefix: PREFIX, redis, queue: AUDIT_QUEUE, onError: () => undefined },
      async () => 'recorded',
    )
    await eventually(async () => (await audit.getCompletedCount()) === 1 || undefined)
    await consumer.close()
    await publish()
    expect(await audit.getWaitingCount()).toBe(0)
    await sink.forget([id])
    await publish()
    expect(await audit.getWaitingCount()).toBe(1)
    await sink.close()
  })
  expect(await refusals()).toEqual([])
})

test('a reader lists counts, jobs, logs, metrics and workers', async () => {
  await bench().commands.add('read', 'data', { jobId: 'job-1' })
  await asUser('reader', async (redis) => {
    const queue = new Queue(COMMAND_QUEUE, { prefix: PREFIX, connection: redis, skipMetasUpdate: true })
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 1, failed: 0 })
    expect((await queue.getJobs())[0]?.id).toBe('job-1')
    expect(await queue.getJobState('job-1')).toBe('waiting')
    expect((await queue.getJobLogs('job-1')).logs).toEqual([])
    expect((await queue.getMetrics('completed')).count).toBe(0)
    expect(await queue.isPaused()).toBe(false)
    expect(await queue.getWorkers()).toEqual([])
    expect(await queue.getCountsPerPriority([0])).toEqual({ 0: 1 })
    await queue.close()
  })
  expect(await refusals()).toEqual([])
})
