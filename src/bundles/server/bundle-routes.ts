import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { messageOf } from '../../domain/failure.ts'
import { requireBearer } from '../../http/bearer.ts'
import { HttpProblem } from '../../http/http-problem.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { MAX_BUNDLE_BYTES } from '../wire.ts'
import { AccessTokens, type Right, type Token, mayDo } from './access-tokens.ts'
import type { BundleVerifier } from './bundle-verifier.ts'
import type { Kept, KeptByName } from './kept.ts'
import { pullBundle } from './pull-bundle.ts'
import { pushBundle } from './push-bundle.ts'
import { activationsPage, environmentStatus } from './read-environment.ts'
import { takeReport } from './take-report.ts'

export type BundleRoutesOptions = {
  /** Where bundles and activations are kept. */
  readonly dir: string
  readonly tokens: readonly Token[]
  readonly verify: BundleVerifier
  readonly log: Logger
}

const A_BUNDLE = { bodyLimit: MAX_BUNDLE_BYTES, config: { body: 'a bundle' } }
const A_REPORT = { bodyLimit: 1024 * 1024, config: { body: 'a report' } }

/** Without the pattern an empty name would be one. */
const ENVIRONMENT = '/bundles/:name([^/]+)'

type Named = FastifyRequest<{ Params: { name: string } }>

/** Everything that a bundle server does. `docs/policy-bundles.md` has the protocol. */
export async function bundleRoutes(app: FastifyInstance, all: KeptByName, options: BundleRoutesOptions): Promise<void> {
  const { dir, verify, log } = options
  const tokens = new AccessTokens(options.tokens)
  const tokenOf = requireBearer(app, (authorization) => tokens.find(authorization))
  const stopping = new AbortController()
  app.addHook('preClose', async () => stopping.abort()) // Whoever waits for a bundle is answered now.

  /** Who has no right does not learn which environments there are. */
  const allowed = (request: Named, right: Right): Kept => {
    const { name } = request.params
    const kept = all.get(name)
    const token = tokenOf(request)
    if (kept !== undefined && mayDo(token, right, name)) return kept
    throw new HttpProblem(403, `the token "${token.name}" may not ${right} "${name}"`)
  }
  /** A route on an environment. The right is asked for before a body is read. */
  const guarded = (right: Right, handler: (kept: Kept, request: Named, reply: FastifyReply) => unknown) => ({
    onRequest: async (request: Named) => void allowed(request, right),
    handler: async (request: Named, reply: FastifyReply) => handler(allowed(request, right), request, reply),
  })

  app.all('/livez', { config: { open: true } }, () => ({ status: 'alive' }))
  app.all('/readyz', { config: { open: true } }, (_request, reply) => readiness(dir, reply))
  app.get('/bundles', (request) => ({
    bundles: [...all.keys()].filter((name) => mayDo(tokenOf(request), 'read', name)),
  }))
  app.get(
    ENVIRONMENT,
    guarded('pull', ({ environment }, request, reply) => pullBundle(environment, request, reply, stopping.signal)),
  )
  app.get(`${ENVIRONMENT}/status`, guarded('read', environmentStatus))
  app.get(
    `${ENVIRONMENT}/activations`,
    guarded('read', ({ sidecars }, { query }) => activationsPage(sidecars.activations, query)),
  )
  // Apart, because a parser reads the body of every request that its routes get.
  await app.register(async (bodies) => {
    bodies.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: FastifyRequest, body: Buffer) => body)
    bodies.put(ENVIRONMENT, {
      ...A_BUNDLE,
      ...guarded('push', ({ environment }, request, reply) =>
        pushBundle(environment, { bundle: bytesOf(request), pushedBy: tokenOf(request).name, verify, log }, reply),
      ),
    })
    for (const path of ['/status', '/status/*'])
      bodies.post(path, A_REPORT, async (request, reply) => {
        await takeReport(bytesOf(request), tokenOf(request), all, log)
        return reply.code(204).send()
      })
  })
}

async function readiness(dir: string, reply: FastifyReply): Promise<Readonly<Record<string, string>>> {
  try {
    await access(dir, constants.W_OK)
    return { status: 'ready' }
  } catch (error) {
    reply.code(503)
    return { status: 'not ready', dir: messageOf(error) }
  }
}

function bytesOf({ body }: FastifyRequest): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0)
}
