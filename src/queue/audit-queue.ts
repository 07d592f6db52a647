import { ROOT_CONTEXT, propagation, trace } from '@opentelemetry/api'
import { Queue, type Telemetry } from 'bullmq'
import type { AuditSink, PublishedDenial } from '../enforcement/ports/denial-sink.ts'
import { Failure } from '../domain/failure.ts'
import { AUDIT_QUEUE } from '../redis/queue-names.ts'
import { ATTEMPTS } from './untrusting-worker.ts'
import { inWords, queueFailure } from '../redis/failures.ts'
import type { RedisConnection } from '../redis/options.ts'

export type AuditQueueOptions = {
  readonly prefix: string
  readonly redis: RedisConnection
  readonly telemetry?: Telemetry | undefined
  readonly onError: (error: Error) => void
}

/** The audit queue of BullMQ. A denial's id is its job id, so that publishing it again adds nothing. */
export class AuditQueue implements AuditSink {
  readonly #queue: Queue

  constructor({ prefix, redis, telemetry, onError }: AuditQueueOptions) {
    this.#queue = new Queue(AUDIT_QUEUE, {
      prefix,
      connection: redis,
      defaultJobOptions: ATTEMPTS,
      ...(telemetry !== undefined && { telemetry }),
    })
    this.#queue.on('error', (error) => onError(queueFailure(error)))
  }

  async publish(denials: readonly PublishedDenial[]): Promise<void> {
    if (denials.length === 0) return
    const jobs = denials.map(({ denial, trace: spanContext }) => ({
      name: denial.outcome,
      data: denial,
      opts: { jobId: denial.id, ...(spanContext !== undefined && { telemetry: { metadata: carry(spanContext) } }) },
    }))
    try {
      await this.#queue.addBulk(jobs)
    } catch (error) {
      throw new Failure('JW_AUDIT_UNAVAILABLE', `${denials.length} denials: ${inWords(error)}`, { cause: error })
    }
  }

  /** Lets denials be published again that the auditor gave up on, or that the trail has lost since. */
  async forget(ids: readonly string[]): Promise<void> {
    await Promise.all(
      ids.map(async (id) => {
        const job = await this.#queue.getJob(id)
        if (job !== undefined && ((await job.isFailed()) || (await job.isCompleted()))) await job.remove()
      }),
    )
  }

  close(): Promise<void> {
    return this.#queue.close()
  }
}

/** The trace of the denied job, for the auditor to continue. */
function carry(spanContext: NonNullable<PublishedDenial['trace']>): string {
  const carrier: Record<string, string> = {}
  propagation.inject(trace.setSpanContext(ROOT_CONTEXT, spanContext), carrier)
  return JSON.stringify(carrier)
}
