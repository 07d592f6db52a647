import type { FastifyInstance, FastifyRequest } from 'fastify'
import { HttpProblem } from './http-problem.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route is for everybody. */
    open?: true
  }
}

/**
 * Demands a bearer token for every request of this instance but those of open routes: unknown paths too, and before a
 * byte of a body is read. `find` looks for the holder of an `Authorization` header, in a time that tells nothing.
 * Returns who holds the token of a request.
 */
export function requireBearer<Holder extends object>(
  app: FastifyInstance,
  find: (authorization: string | undefined) => Holder | undefined,
): (request: FastifyRequest) => Holder {
  const holders = new WeakMap<FastifyRequest, Holder>()
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.open === true) return
    const holder = find(request.headers.authorization)
    if (holder !== undefined) holders.set(request, holder)
    else throw unknownToken()
  })
  return (request) => {
    const holder = holders.get(request)
    if (holder === undefined) throw unknownToken()
    return holder
  }
}

function unknownToken(): HttpProblem {
  return new HttpProblem(401, 'send a bearer token that this server knows', {
    headers: { 'www-authenticate': 'Bearer' },
  })
}
