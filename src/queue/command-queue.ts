import { Queue, type Telemetry } from 'bullmq'
import { Failure } from '../domain/failure.ts'
import { within, PRODUCER_PATIENCE_MS } from '../redis/connect.ts'
import { COMMAND_QUEUE } from '../redis/queue-names.ts'
import { inWords, queueFailure } from '../redis/failures.ts'
import type { RedisConnection } from '../redis/options.ts'
import { ReplicaConfirmation } from '../redis/replica-confirmation.ts'
import { ATTEMPTS } from './untrusting-worker.ts'

export type SignedCommand = { readonly id: string; readonly action: string; readonly jws: string }

export type CommandQueueOptions = {
  readonly prefix: string
  readonly redis: RedisConnection
  /** How many replicas must have the commands of a call before it succeeds; 0 asks none. */
  readonly confirm: { readonly replicas: number; readonly timeoutMs: number }
  readonly telemetry?: Telemetry | undefined
  readonly onError: (error: Error) => void
}

/** The command queue, as producers use it. A command's id is its job id: adding it again adds nothing. */
export class CommandQueue {
  readonly #queue: Queue
  readonly #confirmation: ReplicaConfirmation | undefined

  constructor({ prefix, redis, confirm, telemetry, onError }: CommandQueueOptions) {
    this.#queue = new Queue(COMMAND_QUEUE, {
      prefix,
      connection: redis,
      defaultJobOptions: ATTEMPTS,
      ...(telemetry !== undefined && { telemetry }),
    })
    this.#queue.on('error', (error) => onError(queueFailure(error)))
    if (confirm.replicas > 0)
      this.#confirmation = new ReplicaConfirmation({ redis, key: this.#queue.toKey('meta'), ...confirm })
  }

  /**
   * Adds commands in one round trip.
   * @throws Failure JW_QUEUE_UNAVAILABLE | JW_QUEUE_UNCONFIRMED; then the same call may be repeated
   */
  async add(commands: readonly SignedCommand[]): Promise<void> {
    const jobs = commands.map(({ id, action, jws }) => ({ name: action, data: jws, opts: { jobId: id } }))
    const write = async () => void (await this.#queue.addBulk(jobs))
    try {
      await within(PRODUCER_PATIENCE_MS, this.#confirmation?.confirm(write) ?? write())
    } catch (error) {
      if (error instanceof Failure) throw error
      throw new Failure('JW_QUEUE_UNAVAILABLE', `the queue did not accept the commands: ${inWords(error)}`, {
        cause: error,
      })
    }
  }

  close(): Promise<void> {
    return this.#queue.close()
  }
}
