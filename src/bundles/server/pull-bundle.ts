import type { FastifyReply, FastifyRequest } from 'fastify'
import { HttpProblem } from '../../http/http-problem.ts'
import type { Environment } from './environment.ts'

const LONGEST_WAIT_S = 300

/**
 * Answers with the bundle. A client that has it already (`If-None-Match`) and can wait (`Prefer: wait=30`) gets its
 * answer when there is another one, or a 304 when the time is over or the server stops.
 */
export async function pullBundle(
  environment: Environment,
  { headers, signal: gone }: Pick<FastifyRequest, 'headers' | 'signal'>,
  reply: FastifyReply,
  stopping: AbortSignal,
): Promise<FastifyReply> {
  const known = tagsOf(headers['if-none-match'])
  const isNew = () => environment.served !== undefined && !known.includes(environment.served.release.digest)
  const waitMs = waitOf(headers['prefer']) * 1_000
  if (!isNew() && waitMs > 0) await environment.change(waitMs, AbortSignal.any([gone, stopping]))
  const { served } = environment
  if (served === undefined) throw new HttpProblem(404, `${environment.name} has no bundle yet; push one`)
  // The type tells OPA that it may wait.
  reply.header('etag', `"${served.release.digest}"`).type('application/vnd.openpolicyagent.bundles')
  return isNew() ? reply.send(served.bundle) : reply.code(304).send()
}

function tagsOf(header = ''): string[] {
  return [...header.matchAll(/"([^"]*)"/g)].flatMap(([, tag]) => tag ?? [])
}

function waitOf(header: string | readonly string[] = ''): number {
  const seconds = /(?:^|[;,\s])wait=(\d{1,6})/.exec(String(header))?.[1] ?? 0
  return Math.min(Number(seconds), LONGEST_WAIT_S)
}
