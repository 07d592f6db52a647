import { Queue, type Telemetry } from 'bullmq'
import type { Redis } from 'ioredis'
import { ATTEMPTS } from './untrusting-worker.ts'
import { COMMAND_QUEUE } from './names.ts'
import { queueFailure } from './queue-failure.ts'

export type SignedCommand = { readonly id: string; readonly action: string; readonly jws: string }

/** The command queue, as producers use it. A command's id is its job id: adding it again adds nothing. */
export class CommandQueue {
  readonly #queue: Queue

  constructor(options: {
    readonly prefix: string
    readonly redis: Redis
    readonly telemetry?: Telemetry | undefined
    readonly onError: (error: Error) => void
  }) {
    this.#queue = new Queue(COMMAND_QUEUE, {
      prefix: options.prefix,
      connection: options.redis,
      defaultJobOptions: ATTEMPTS,
      ...(options.telemetry !== undefined && { telemetry: options.telemetry }),
    })
    this.#queue.on('error', (error) => options.onError(queueFailure(error)))
  }

  /** Adds commands in one round trip. @throws the error of Redis; then the same call may be made again */
  async add(commands: readonly SignedCommand[]): Promise<void> {
    await this.#queue.addBulk(commands.map(({ id, action, jws }) => ({ name: action, data: jws, opts: { jobId: id } })))
  }

  close(): Promise<void> {
    return this.#queue.close()
  }
}
