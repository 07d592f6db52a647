import { trace } from '@opentelemetry/api'
import { DelayedError, type Job, type Telemetry } from 'bullmq'
import { backoffMs } from '../domain/backoff.ts'
import { Failure, messageOf, toFailure } from '../domain/failure.ts'
import type { Delivery } from '../enforcement/ports/delivery.ts'
import { queueFailure } from '../redis/failures.ts'
import type { RedisConnection } from '../redis/options.ts'
import { UntrustingWorker } from './untrusting-worker.ts'

export type ConsumerOptions = {
  readonly queue: string
  readonly prefix: string
  readonly redis: RedisConnection
  /** How many jobs may be under way at once. Batches are gathered from these. */
  readonly concurrency: number
  /** How long the lock on a job lasts without renewal. BullMQ renews it while this process runs. */
  readonly lockMs: number
  readonly telemetry?: Telemetry | undefined
  /** No job is taken before this resolves. */
  readonly startAfter: Promise<unknown>
  /** How many finished jobs are kept for operators to look at. */
  readonly keepFinished: number
  readonly onError: (error: Error) => void
  /** Called with every failure and its job. */
  readonly onFailure: (job: Delivery, failure: Failure) => void
}

/** Takes jobs from a queue. BullMQ handles locks, stalled jobs, retries and the graceful end. */
export interface Consumer {
  /** Stops taking jobs. Those under way go on. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** Stops taking jobs, lets those under way end and closes the connection that it opened. */
  close(): Promise<void>
}

/** How long a job waits after a failure that is not its fault. It is short, because an outage may end at any moment. */
const DELAY = { baseMs: 250, maxMs: 5_000 }

/** Runs `settle` for every job: a result acknowledges it, a failure is treated as its disposition says. */
export function consume<Result>(
  options: ConsumerOptions,
  settle: (job: Delivery) => Promise<Result | Failure>,
): Consumer {
  const { queue, prefix, redis, concurrency, lockMs, telemetry } = options
  const worker = new UntrustingWorker<Result>(
    queue,
    async (job, token) => {
      const queued = {
        queue,
        jobId: job.id ?? '',
        jobName: job.name,
        data: job.data,
        trace: trace.getActiveSpan()?.spanContext(),
      }
      const settlement = await settle(queued).catch(toFailure)
      if (!(settlement instanceof Failure)) return settlement
      options.onFailure(queued, settlement)
      return dispose(job, token, settlement)
    },
    {
      prefix,
      connection: redis,
      autorun: false,
      concurrency,
      lockDuration: lockMs,
      stalledInterval: lockMs,
      // A crash is more often the worker's fault than the job's. After this many, the reconciler declares the job dead.
      maxStalledCount: 3,
      removeOnComplete: { count: options.keepFinished },
      ...(telemetry !== undefined && { telemetry }),
    },
  )
  const onError = (error: Error) => options.onError(queueFailure(error))
  worker.on('error', onError)
  const start = async () => {
    await options.startAfter
    worker.run().catch(onError) // It does nothing while it is paused or closing.
  }
  const started = start()
  started.catch(() => undefined) // The caller who passed `startAfter` reports its error.
  return {
    pause: () => worker.pause(true),
    resume: async () => {
      await started
      await worker.resume()
    },
    close: () => worker.close(),
  }
}

/** @throws what BullMQ understands: DelayedError after a delay, anything else as a spent attempt */
async function dispose(job: Job, token: string | undefined, failure: Failure): Promise<never> {
  const { disposition } = failure
  switch (disposition) {
    case 'delay': {
      const delayMs = backoffMs(job.attemptsStarted - job.attemptsMade, DELAY)
      try {
        await job.moveToDelayed(Date.now() + delayMs, token)
      } catch (error) {
        throw new Failure('JW_LOCK_LOST', `job ${job.id} could not be put back: ${messageOf(error)}`, { cause: error })
      }
      throw new DelayedError(failure.message)
    }
    case 'attempt':
    case 'abandon':
    case 'exit':
      throw failure
    default:
      return disposition satisfies never
  }
}
