import { randomUUID } from 'node:crypto'
import { SpanKind, trace } from '@opentelemetry/api'
import { Command, type ResourceSelector, type PatchValue, type User } from '../domain/command.ts'
import { issuesInWords } from '../parsing/issues-in-words.ts'
import { ATTRIBUTE, SPAN, TRACER_NAME } from '../telemetry/names.ts'

/** What a producer asks for; the rest of the command is filled in. With an id of your own, the call is idempotent. */
export type CommandRequest = {
  readonly id?: string
  readonly user: User
  readonly resource: ResourceSelector
  readonly issuedAt?: string
  readonly expiresAt?: string
} & (
  | { readonly action: 'read' | 'delete' }
  | { readonly action: 'update'; readonly patch: Readonly<Record<string, PatchValue>> }
)

/** A request that is not a valid command and was not enqueued. `index` is its place in the call. */
export type RejectedRequest = { readonly index: number; readonly problems: readonly string[] }

export type EnqueueReport = {
  /** The ids of the commands on the queue, in the order of the requests. */
  readonly enqueued: readonly string[]
  readonly rejected: readonly RejectedRequest[]
}

/** A queue of signed commands. */
export interface CommandSink {
  add(commands: readonly { readonly id: string; readonly action: string; readonly jws: string }[]): Promise<void>
}

export type ProducerOptions = {
  readonly sink: CommandSink
  /** The name of the queue, for the trace. */
  readonly queue: string
  /** Signs a command for that queue: a compact JWS. */
  readonly sign: (command: Command) => Promise<string>
  /** How long after `issuedAt` a command may still be executed, unless the request says otherwise. */
  readonly lifetimeMs: number
  /** A signed command larger than this is rejected here, as the worker would. */
  readonly maxBytes: number
}

/** How many commands are enqueued in one round trip. */
const CHUNK = 500

/** Validates, signs and enqueues commands. */
export class Producer {
  readonly #options: ProducerOptions

  constructor(options: ProducerOptions) {
    this.#options = options
  }

  /**
   * Enqueues one command or thousands. Requests that are not valid commands are reported, and the others are enqueued.
   * The same id enqueued again is the same command.
   * @throws the error of the queue; what was enqueued before it stays, and the same call may be repeated
   */
  enqueue(requests: readonly CommandRequest[], onProgress?: (done: number) => void): Promise<EnqueueReport> {
    return this.enqueueUntyped(requests, onProgress)
  }

  /** `enqueue` for requests from outside, such as the lines of a file. The validation is the same. */
  async enqueueUntyped(requests: readonly unknown[], onProgress?: (done: number) => void): Promise<EnqueueReport> {
    const tracer = trace.getTracer(TRACER_NAME)
    const attributes = { [ATTRIBUTE.batchSize]: requests.length, [ATTRIBUTE.destination]: this.#options.queue }
    return tracer.startActiveSpan(SPAN.enqueue, { kind: SpanKind.PRODUCER, attributes }, async (span) => {
      try {
        return await this.#enqueue(requests, onProgress)
      } finally {
        span.end()
      }
    })
  }

  async #enqueue(requests: readonly unknown[], onProgress?: (done: number) => void): Promise<EnqueueReport> {
    const { sink, maxBytes } = this.#options
    const enqueued: string[] = []
    const rejected: RejectedRequest[] = []
    for (let start = 0; start < requests.length; start += CHUNK) {
      const commands: { readonly index: number; readonly command: Command }[] = []
      for (const [offset, request] of requests.slice(start, start + CHUNK).entries()) {
        const parsed = Command.safeParse(this.#complete(request))
        if (parsed.success) commands.push({ index: start + offset, command: parsed.data })
        else rejected.push({ index: start + offset, problems: issuesInWords(parsed.error, 'the command') })
      }
      const signed = await Promise.all(commands.map((each) => this.#sign(each)))
      const fitting = signed.filter(({ jws }) => jws.length <= maxBytes)
      for (const { index, jws } of signed)
        if (jws.length > maxBytes)
          rejected.push({
            index,
            problems: [`the command has ${jws.length} bytes when signed, at most ${maxBytes} are accepted`],
          })
      if (fitting.length > 0) await sink.add(fitting)
      enqueued.push(...fitting.map(({ id }) => id))
      onProgress?.(Math.min(start + CHUNK, requests.length))
    }
    return { enqueued, rejected }
  }

  async #sign({ index, command }: { readonly index: number; readonly command: Command }) {
    return { index, id: command.id, action: command.action, jws: await this.#options.sign(command) }
  }

  #complete(request: unknown): unknown {
    if (typeof request !== 'object' || request === null) return request
    const issuedAt = new Date()
    const expiresAt = new Date(issuedAt.getTime() + this.#options.lifetimeMs)
    return { id: randomUUID(), issuedAt: issuedAt.toISOString(), expiresAt: expiresAt.toISOString(), ...request }
  }
}
