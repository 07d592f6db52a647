import { randomBytes, randomUUID } from 'node:crypto'
import type { BulkJobOptions } from 'bullmq'
import type { Command } from '../src/domain/command.ts'
import { COMMAND_QUEUE } from '../src/redis/queue-names.ts'
import { ATTEMPTS } from '../src/queue/untrusting-worker.ts'
import { type ProducerJwk, importProducerKey } from '../src/signing/producer-keys.ts'
import { signCommand } from '../src/signing/sign-command.ts'
import type { Row } from './rows.ts'

/** The documents that the commands are about, each owned by one of the users. */
export const DOCUMENTS = 1_000
const USERS = 100

/** Every tenth command comes from somebody who does not own the document. */
const DENIED_EVERY = 10

export type BenchJob = { readonly name: string; readonly data: unknown; readonly opts: BulkJobOptions }

/** How many of the first `count` jobs the policies deny. */
export function deniedOf(count: number): number {
  return Math.floor(count / DENIED_EVERY)
}

/** The owner of a document, as the database is seeded. */
export function ownerOf(document: number): string {
  return `user_${document % USERS}`
}

/** The jobs of one row: two thirds reads and one third updates of random documents by their owners. A tenth is denied. */
export class JobMaker {
  readonly #key: Awaited<ReturnType<typeof importProducerKey>>

  private constructor(key: Awaited<ReturnType<typeof importProducerKey>>) {
    this.#key = key
  }

  static async create(jwk: ProducerJwk): Promise<JobMaker> {
    return new JobMaker(await importProducerKey(jwk, 'sign'))
  }

  /** `count` jobs from number `first` on. "raw" gets the signed ones too, so that its jobs have the same size. */
  make({ worker, traced }: Row, first: number, count: number): Promise<BenchJob[]> {
    return Promise.all(
      Array.from({ length: count }, async (_, offset) => {
        const command = commandOf(first + offset)
        const data =
          worker === 'article'
            ? { queue: COMMAND_QUEUE, command }
            : await signCommand(command, COMMAND_QUEUE, this.#key)
        const trace = traced === undefined ? {} : { telemetry: { metadata: traceOf(first + offset, traced) } }
        return { name: command.action, data, opts: { ...ATTEMPTS, jobId: command.id, ...trace } }
      }),
    )
  }
}

function commandOf(number: number): Command {
  const document = Math.floor(Math.random() * DOCUMENTS)
  const denied = number % DENIED_EVERY === DENIED_EVERY - 1
  const user = { id: denied ? 'user_nobody' : ownerOf(document), role: 'user', department: 'engineering' }
  const now = Date.now()
  const common = {
    id: randomUUID(),
    user,
    resource: { type: 'document', id: `bench_${document}` },
    issuedAt: new Date(now).toISOString(),
    expiresAt: new Date(now + 3_600_000).toISOString(),
  }
  return number % 3 === 0
    ? { ...common, action: 'update', patch: { name: `name ${number}` } }
    : { ...common, action: 'read' }
}

/** The trace context of a producer that records this share of its traces. The other traces travel too, unrecorded. */
function traceOf(number: number, share: number): string {
  const recorded = number % Math.round(1 / share) === 0
  const traceparent = `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-${recorded ? '01' : '00'}`
  return JSON.stringify({ traceparent })
}
