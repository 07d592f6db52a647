import type { FastifyReply, FastifyRequest } from 'fastify'
import { FAILURES, toFailure } from '../domain/failure.ts'
import { nodeCode } from '../domain/node-errors.ts'
import type { Logger } from '../telemetry/logger.ts'
import { HttpProblem } from './http-problem.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the body of a request is, for the refusal of one that is too long: `a bundle`. */
    body?: string
  }
}

/** What Fastify itself refuses. Any other error of it is a defect. */
const REFUSED_BY_FASTIFY: ReadonlyMap<string, readonly [status: number, message: string]> = new Map([
  ['FST_ERR_BAD_URL', [400, 'the path is not a valid one']],
  ['FST_ERR_ROUTE_MISSING_CONTENT_TYPE', [400, 'say in Content-Type what the body is']],
  ['FST_ERR_MAX_PARAM_LENGTH', [414, 'a part of the path is too long']],
  ['FST_ERR_CTP_INVALID_MEDIA_TYPE', [415, 'a body of this Content-Type is not taken here']],
])

/** The one way from an error to an answer, for every route of a server. */
export class ErrorPath {
  readonly #server: string
  readonly #log: Logger

  constructor(server: string, log: Logger) {
    this.#server = server
    this.#log = log
  }

  /** Answers with what is wrong. An error of ours is logged, once, and the answer does not quote it. */
  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const { status, message, headers } = this.#problemOf(error, request)
    const asked = { method: request.method, path: pathOf(request), status }
    if (status >= 500) this.#log.error({ err: toFailure(causeOf(error)), ...asked }, 'a request failed')
    else this.#log.debug(asked, `refused: ${message}`)
    reply.removeHeader('etag') // What the handler said of the answer that it did not give.
    const body = Buffer.from(`${JSON.stringify({ error: message })}\n`) // Bytes: Fastify adds a charset to text.
    reply.code(status).headers({ 'cache-control': 'no-store', ...headers })
    reply.type('application/json').send(body)
  }

  /** What is left when not even the answer to an error can be given: Fastify would send the text of the error. */
  giveUp(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    this.#log.error({ err: toFailure(error), method: request.method, path: pathOf(request) }, 'an answer failed')
    reply.hijack()
    if (reply.raw.headersSent) reply.raw.destroy()
    else reply.raw.writeHead(500, { connection: 'close', 'content-length': 0 }).end()
  }

  #problemOf(error: unknown, request: FastifyRequest): HttpProblem {
    if (error instanceof HttpProblem) return error
    const { config, bodyLimit } = request.routeOptions
    const code = nodeCode(error)
    if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
      return new HttpProblem(413, `${config.body ?? 'a body'} may have ${bodyLimit} bytes at most`)
    const refused = REFUSED_BY_FASTIFY.get(code)
    if (refused !== undefined) return new HttpProblem(...refused)
    // The client went away or was too slow: nobody reads the answer, and nothing of ours failed.
    if (code === 'ECONNRESET' && request.raw.destroyed && !request.raw.complete)
      return new HttpProblem(400, 'the request was cut off')
    const failure = toFailure(error)
    return failure.disposition === 'delay'
      ? new HttpProblem(503, `${failure.code}: ${FAILURES[failure.code].meaning}`)
      : new HttpProblem(500, `the ${this.#server} failed; its log says why`)
  }
}

function causeOf(error: unknown): unknown {
  return error instanceof HttpProblem ? (error.cause ?? error) : error
}

/** Of what was asked for, the query left out: it is the caller's, and may hold anything. */
export function pathOf({ url }: FastifyRequest): string {
  return url.split('?', 1)[0] ?? ''
}
