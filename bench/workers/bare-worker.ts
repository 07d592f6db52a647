import { type Job, Worker } from 'bullmq'
import { redisOptions } from '../../src/config/adapter-options.ts'
import type { Config } from '../../src/config/settings.ts'
import type { Running } from '../../src/process/run-process.ts'
import { COMMAND_QUEUE } from '../../src/redis/queue-names.ts'
import { connectRedis } from '../../src/redis/connect.ts'

/** A BullMQ worker with the options of the authorizer, and nothing else of it. */
export function startBareWorker(config: Config, run: (job: Job<unknown>) => Promise<unknown>): Running {
  const onError = (error: Error) => void process.stderr.write(`${error.stack ?? error.message}\n`)
  const redis = connectRedis(redisOptions(config), 'worker', onError)
  const worker = new Worker<unknown>(COMMAND_QUEUE, run, {
    prefix: config.queuePrefix,
    connection: redis,
    concurrency: config.workerConcurrency,
    lockDuration: config.jobLockMs,
    stalledInterval: config.jobLockMs,
    maxStalledCount: 3,
    removeOnComplete: { count: 1_000 },
  })
  worker.on('error', onError)
  worker.on('failed', (_job, error) => onError(error))
  return {
    close: async () => {
      await worker.close()
      redis.disconnect()
    },
  }
}
