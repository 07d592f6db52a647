import { Redis } from 'ioredis'
import type { Config } from '../../src/config/settings.ts'
import { COMMAND_QUEUE } from '../../src/redis/queue-names.ts'

export type RawJob = {
  readonly id: string
  readonly name: string
  /** What stands in the hash's `data` field: any text, JSON or not. */
  readonly data: string
  /** Other fields of the hash, as an attacker may write them. */
  readonly fields?: Readonly<Record<string, string>>
}

/** Writes jobs straight into Redis, as anyone with the queue's keys may: a hash and an id on the wait list. */
export class RawRedis {
  readonly #redis: Redis
  readonly #base: string

  constructor({ redisUrl, queuePrefix }: Config, queue = COMMAND_QUEUE) {
    this.#redis = new Redis(redisUrl)
    this.#base = `${queuePrefix}:${queue}`
  }

  get redis(): Redis {
    return this.#redis
  }

  /** The key of a part of the queue, such as a job's hash. */
  key(part: string): string {
    return `${this.#base}:${part}`
  }

  async push(...jobs: readonly RawJob[]): Promise<void> {
    for (const { id, name, data, fields } of jobs) {
      const hash = { name, data, opts: '{}', timestamp: String(Date.now()), delay: '0', priority: '0', ...fields }
      await this.#redis.hset(this.key(id), hash)
    }
    await this.#redis.lpush(this.key('wait'), ...jobs.map(({ id }) => id))
    await this.#redis.zadd(this.key('marker'), 0, '0')
  }

  close(): void {
    this.#redis.disconnect()
  }
}
