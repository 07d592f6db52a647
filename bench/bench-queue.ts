import { Queue, QueueEvents } from 'bullmq'
import { COMMAND_QUEUE } from '../src/redis/queue-names.ts'
import { connectRedis } from '../src/redis/connect.ts'
import type { RedisConnection, RedisOptions } from '../src/redis/options.ts'
import type { BenchJob } from './jobs.ts'

/** How many jobs are enqueued in one round trip. */
const CHUNK = 1_000

/** The command queue of the bench, which fills it and reads from its events when jobs were completed. */
export class BenchQueue {
  readonly #redis: RedisConnection
  readonly #options: RedisOptions
  readonly #queue: Queue
  readonly #prefix: string
  readonly #onError: (error: Error) => void

  constructor(redisUrl: string, prefix: string, onError: (error: Error) => void) {
    this.#options = { place: { kind: 'single', url: redisUrl } }
    this.#redis = connectRedis(this.#options, 'producer', onError)
    this.#queue = new Queue(COMMAND_QUEUE, { prefix, connection: this.#redis })
    this.#queue.on('error', onError)
    this.#prefix = prefix
    this.#onError = onError
  }

  /** Removes everything from this Redis, which is the bench's own. */
  async empty(): Promise<void> {
    await this.#redis.flushall()
  }

  async addAll(jobs: readonly BenchJob[]): Promise<void> {
    for (let start = 0; start < jobs.length; start += CHUNK) await this.#queue.addBulk(jobs.slice(start, start + CHUNK))
  }

  async add({ name, data, opts }: BenchJob): Promise<void> {
    await this.#queue.add(name, data, opts)
  }

  /** How many jobs have not ended yet. @throws Error when a job has failed for good, because that run measures nothing */
  async unfinished(): Promise<number> {
    const counts = await this.#queue.getJobCounts('wait', 'active', 'delayed', 'prioritized', 'failed')
    const { wait = 0, active = 0, delayed = 0, prioritized = 0, failed = 0 } = counts
    if (failed > 0) throw new Error(`${failed} jobs failed`)
    return wait + active + delayed + prioritized
  }

  /** When Redis recorded the last completion, in Unix milliseconds. */
  async lastCompletion(): Promise<number> {
    const events = await this.#redis.xrevrange(`${this.#prefix}:${COMMAND_QUEUE}:events`, '+', '-', 'COUNT', 100)
    const last = events.find(([, fields]) => fields[fields.indexOf('event') + 1] === 'completed')
    if (last === undefined) throw new Error('no job was completed')
    return momentOf(last[0])
  }

  /** Reports every completion from now on, with the time at which Redis recorded it. */
  async watch(onCompleted: (jobId: string, at: number) => void): Promise<{ close(): Promise<void> }> {
    const connection = connectRedis(this.#options, 'worker', this.#onError)
    const events = new QueueEvents(COMMAND_QUEUE, { prefix: this.#prefix, connection })
    events.on('error', this.#onError)
    events.on('completed', ({ jobId }, id) => onCompleted(jobId, momentOf(id)))
    await events.waitUntilReady()
    return {
      close: async () => {
        await events.close()
        connection.disconnect()
      },
    }
  }

  async close(): Promise<void> {
    await this.#queue.close()
    this.#redis.disconnect()
  }
}

/** The id of an event begins with the time of Redis, which uses the clock of this machine. */
function momentOf(eventId: string): number {
  return Number(eventId.split('-')[0])
}
