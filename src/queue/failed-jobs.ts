import { Queue } from 'bullmq'
import type { Delivery } from '../enforcement/ports/delivery.ts'
import type { RedisConnection } from '../redis/options.ts'
import { queueFailure } from '../redis/failures.ts'

/** How to reach a queue. */
export type QueueConnection = {
  readonly prefix: string
  readonly redis: RedisConnection
  readonly onError: (error: Error) => void
}

/** A job in the failed set, with the reason that BullMQ recorded. */
export type FailedJob = { readonly delivery: Delivery; readonly failedReason: string; readonly finishedOn: number }

const PAGE = 200

/** Reads the failed set of a queue. */
export class FailedJobs {
  readonly #queue: Queue<unknown>

  constructor(queue: string, options: QueueConnection) {
    this.#queue = new Queue(queue, { prefix: options.prefix, connection: options.redis })
    this.#queue.on('error', (error) => options.onError(queueFailure(error)))
  }

  /** Pages of the jobs that failed at or after `since` (Unix milliseconds), newest first. */
  async *since(since: number): AsyncGenerator<readonly FailedJob[]> {
    for (let start = 0; ; start += PAGE) {
      const jobs = await this.#queue.getFailed(start, start + PAGE - 1)
      const page = jobs
        .filter((job) => (job.finishedOn ?? 0) >= since)
        .map((job) => ({
          delivery: { queue: this.#queue.name, jobId: job.id ?? '', jobName: job.name, data: job.data },
          failedReason: job.failedReason ?? 'it failed without a reason',
          finishedOn: job.finishedOn ?? 0,
        }))
      if (page.length > 0) yield page
      if (page.length < PAGE) return
    }
  }

  close(): Promise<void> {
    return this.#queue.close()
  }
}
