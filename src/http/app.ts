import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerFactory,
  fastify,
} from 'fastify'
import type { Logger } from '../telemetry/logger.ts'
import { ErrorPath, pathOf } from './error-path.ts'
import { HttpProblem } from './http-problem.ts'

/**
 * Adds the routes and hooks of a server. What is added to the instance itself holds for unknown paths as well; a plugin
 * that is registered keeps its hooks and parsers to itself.
 */
export type Routes = (app: FastifyInstance) => void | Promise<void>

export type AppOptions = {
  /** What the server is, for logs and answers: `bundle server`. */
  readonly name: string
  readonly log: Logger
  readonly routes: Routes
}

/** A Fastify that takes no body unless a route adds a parser, matches paths to the letter, and tells nothing of itself. */
export function createApp({ name, log, routes }: AppOptions, serverFactory: FastifyServerFactory): FastifyInstance {
  const errors = new ErrorPath(name, log)
  const app = fastify({
    serverFactory,
    loggerInstance: warningsOf(log),
    // For a path that is none: no hook runs, so what follows it is not read either.
    frameworkErrors: (error, request, reply) => errors.answer(error, request, reply.header('connection', 'close')),
    exposeHeadRoutes: false,
    return503OnClosing: false, // Its answer is not ours. What still gets through is answered, and the connection closed.
    routerOptions: {
      maxParamLength: 100,
      caseSensitive: true,
      ignoreTrailingSlash: false,
      ignoreDuplicateSlashes: false,
    },
  })
  app.setErrorHandler((error, request, reply) => errors.giveUp(error, request, reply))
  // In a scope of their own, so that an error of the handler below goes to the one above.
  void app.register(async (scope) => {
    scope.setErrorHandler((error, request, reply) => errors.answer(error, request, reply))
    scope.setNotFoundHandler((request) => {
      throw new HttpProblem(404, `there is no ${request.method} ${pathOf(request)}`)
    })
    scope.removeAllContentTypeParsers()
    scope.setReplySerializer((payload) => `${JSON.stringify(payload)}\n`)
    let closing = false
    scope.addHook('preClose', async () => {
      closing = true
    })
    scope.addHook('onSend', async (request, reply) => finish(request, reply, closing))
    await routes(scope)
  })
  return app
}

function finish(request: FastifyRequest, reply: FastifyReply, closing: boolean): void {
  if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
  // JSON has no charset (RFC 8259, section 11); Fastify adds one.
  if (reply.getHeader('content-type') === 'application/json; charset=utf-8') reply.type('application/json')
  // What is left of a body that was refused is not read.
  if (closing || hasUnreadBody(request)) reply.header('connection', 'close')
}

function hasUnreadBody({ headers, raw }: FastifyRequest): boolean {
  return !raw.complete && (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0)
}

/** What Fastify itself logs, from warnings on: each request would be two lines more. */
function warningsOf(log: Logger): FastifyBaseLogger {
  return log.child({}, { level: log.isLevelEnabled('warn') ? 'warn' : log.level })
}
