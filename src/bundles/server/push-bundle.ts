import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { FastifyReply } from 'fastify'
import { HttpProblem } from '../../http/http-problem.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { PushAnswer } from '../wire.ts'
import type { BundleVerifier } from './bundle-verifier.ts'
import type { Environment } from './environment.ts'
import { onDisk } from './on-disk.ts'

export type Push = {
  readonly bundle: Buffer
  /** The name of the token. */
  readonly pushedBy: string
  readonly verify: BundleVerifier
  readonly log: Logger
}

/** What unpacks to more is no bundle of policies. */
const MAX_UNPACKED_BYTES = 128 * 1024 * 1024

/** Takes a bundle, has it verified, and serves it from then on. Whatever is refused leaves the one before in place. */
export async function pushBundle(environment: Environment, push: Push, reply: FastifyReply): Promise<PushAnswer> {
  const { pushedBy, log } = push
  const told = { bundle: environment.name, pushedBy }
  const answer = await judged(environment, push)
  if (answer instanceof HttpProblem) {
    log.warn({ ...told, answer: { error: answer.message } }, 'refused a bundle')
    throw answer
  }
  log.info({ ...told, answer }, 'pushed')
  reply.code(answer.again ? 200 : 201)
  return answer
}

async function judged(environment: Environment, { bundle, pushedBy, verify }: Push): Promise<PushAnswer | HttpProblem> {
  if (!(await unpacks(bundle))) return new HttpProblem(422, 'this is no gzip file, or one that unpacks to too much')
  const pushed = await onDisk(() => environment.push(bundle, pushedBy, verify))
  if ('refused' in pushed) return new HttpProblem(422, pushed.refused)
  if ('conflict' in pushed) return new HttpProblem(409, pushed.conflict)
  return pushed
}

/** Looked at before OPA is: OPA would unpack a gigabyte. */
async function unpacks(bundle: Buffer): Promise<boolean> {
  try {
    await promisify(gunzip)(bundle, { maxOutputLength: MAX_UNPACKED_BYTES })
    return true
  } catch {
    return false // The only reasons are the two that the refusal names.
  }
}
