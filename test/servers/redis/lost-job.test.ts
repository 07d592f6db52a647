import { Queue } from 'bullmq'
import { expect, test } from 'vitest'
import { startRedis } from '../../../devkit/start-redis.ts'
import { openWorkspace } from '../../../devkit/workspace.ts'
import { consume } from '../../../src/queue/consume.ts'
import { connectRedis } from '../../../src/redis/connect.ts'
import type { RedisConnection } from '../../../src/redis/options.ts'
import { eventually } from '../../support/ledger.ts'

const PREFIX = 'lost'
const QUEUE = 'jobs'

/** Takes something of a job that is under way away from its worker. */
type Theft = (redis: RedisConnection, job: string) => Promise<unknown>

test.each<readonly [string, Theft]>([
  ['whose Redis forgot everything', (redis) => redis.flushall()],
  ['that somebody removed', (redis, job) => redis.del(job)],
  ['whose lock is gone', (redis, job) => redis.del(`${job}:lock`)],
  ['whose lock is another one', (redis, job) => redis.set(`${job}:lock`, 'of another worker')],
  ['that is no longer under way', (redis) => redis.del(`${PREFIX}:${QUEUE}:active`)],
])('a job %s is left alone, and is no defect', async (_what, take) => {
  await using workspace = await openWorkspace()
  const { url } = await startRedis({ workspace, appendonly: true })
  const redis = connectRedis({ place: { kind: 'single', url } }, 'worker', () => undefined)
  const queue = new Queue(QUEUE, { prefix: PREFIX, connection: redis })
  const told: string[] = []
  const consumer = consume(
    {
      queue: QUEUE,
      prefix: PREFIX,
      redis,
      concurrency: 1,
      lockMs: 30_000,
      keepFinished: 10,
      startAfter: Promise.resolve(),
      onError: (error) => told.push(error.message),
      onFailure: () => undefined,
    },
    async ({ jobId }) => take(redis, queue.toKey(jobId)),
  )
  await queue.add('read', 'data', { jobId: 'job-1' })
  await eventually(async () => told.length > 0 || undefined)
  await consumer.close()
  await queue.close()
  redis.disconnect()
  for (const message of told) expect(message).toMatch(/^JW_LOCK_LOST: /)
})
