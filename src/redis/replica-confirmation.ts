import { Failure } from '../domain/failure.ts'
import type { RedisConnection } from './options.ts'

export type ConfirmationOptions = {
  readonly redis: RedisConnection
  /** Any key of the queue: in a Cluster, its node is the one whose replicas are asked. */
  readonly key: string
  /** This many replicas must have received the writes. */
  readonly replicas: number
  readonly timeoutMs: number
}

/** Makes sure that writes have reached replicas, so that a failover to one of them keeps them. */
export class ReplicaConfirmation {
  readonly #options: ConfirmationOptions
  /** WAIT is about the writes of its own connection: on a new connection it would confirm writes that it did not see. */
  #connections = 0

  constructor(options: ConfirmationOptions) {
    this.#options = options
    for (const event of ['close', '-node', '+node'] as const) options.redis.on(event, () => (this.#connections += 1))
  }

  /** Runs `write` and waits for the replicas. @throws Failure JW_QUEUE_UNCONFIRMED; the writes may be there or not */
  async confirm(write: () => Promise<void>): Promise<void> {
    const { redis, key, replicas, timeoutMs } = this.#options
    const before = this.#connections
    await write()
    // The key and WAIT travel together, on the connection of the writes to the node of that key.
    const [found, waited] = (await redis.pipeline().exists(key).wait(replicas, timeoutMs).exec()) ?? []
    const [error = found?.[0], acknowledged] = waited ?? []
    if (error) throw error
    if (this.#connections !== before) throw unconfirmed('the connection was lost in the meantime')
    if (Number(acknowledged) < replicas)
      throw unconfirmed(`${Number(acknowledged)} of ${replicas} replicas have them after ${timeoutMs} ms`)
  }
}

function unconfirmed(why: string): Failure {
  return new Failure('JW_QUEUE_UNCONFIRMED', `the commands are enqueued, but a failover may lose them: ${why}`)
}
