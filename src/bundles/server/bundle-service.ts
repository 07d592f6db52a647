import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { messageOf } from '../../domain/failure.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { AccessTokens, type Right, type Token, mayDo } from './access-tokens.ts'
import { type Answer, refusal } from './answer.ts'
import type { BundleVerifier } from './bundle-verifier.ts'
import type { Call, Kept } from './call.ts'
import { Environment } from './environment.ts'
import { pullBundle } from './pull-bundle.ts'
import { pushBundle } from './push-bundle.ts'
import { activationsPage, environmentStatus } from './read-environment.ts'
import { Sidecars } from './sidecars.ts'
import { takeReport } from './take-report.ts'

export type BundleServiceOptions = {
  /** Where bundles and activations are kept. */
  readonly dir: string
  readonly environments: readonly string[]
  readonly tokens: readonly Token[]
  readonly verify: BundleVerifier
  readonly log: Logger
}

/** What may be done to an environment, each with the right that it takes. */
const ROUTES: readonly {
  readonly method: string
  readonly path: RegExp
  readonly right: Right
  readonly answer: (call: Call, kept: Kept, verify: BundleVerifier) => Answer | Promise<Answer>
}[] = [
  { method: 'GET', path: /^\/bundles\/([^/]+)$/, right: 'pull', answer: pullBundle },
  { method: 'PUT', path: /^\/bundles\/([^/]+)$/, right: 'push', answer: pushBundle },
  { method: 'GET', path: /^\/bundles\/([^/]+)\/status$/, right: 'read', answer: environmentStatus },
  { method: 'GET', path: /^\/bundles\/([^/]+)\/activations$/, right: 'read', answer: activationsPage },
]

/** Everything that a bundle server does, short of listening. */
export class BundleService {
  readonly #options: BundleServiceOptions
  readonly #tokens: AccessTokens
  readonly #kept: ReadonlyMap<string, Kept>

  private constructor(options: BundleServiceOptions, kept: ReadonlyMap<string, Kept>) {
    this.#options = options
    this.#tokens = new AccessTokens(options.tokens)
    this.#kept = kept
  }

  /** @throws Failure JW_CONFIG_INVALID when what is kept was changed by somebody; the error of the file system */
  static async open(options: BundleServiceOptions): Promise<BundleService> {
    const kept = new Map<string, Kept>()
    for (const name of options.environments) {
      const environment = await Environment.open(options.dir, name)
      kept.set(name, { environment, sidecars: await Sidecars.open(options.dir, environment, Date.now) })
    }
    return new BundleService(options, kept)
  }

  async answer(request: IncomingMessage, signal: AbortSignal): Promise<Answer> {
    const url = new URL(request.url ?? '', 'http://server')
    const { pathname: path } = url
    if (path === '/livez') return { status: 200, body: { status: 'alive' } }
    if (path === '/readyz') return this.#readiness()
    const token = this.#tokens.find(request.headers.authorization)
    if (token === undefined)
      return refusal(401, 'send a bearer token that this server knows', { 'www-authenticate': 'Bearer' })
    return this.#route({ request, url, token, signal })
  }

  async close(): Promise<void> {
    for (const { environment, sidecars } of this.#kept.values()) {
      await environment.close()
      await sidecars.close()
    }
  }

  async #route(call: Call): Promise<Answer> {
    const { token, url } = call
    const { method = '' } = call.request
    const asked = `${method} ${url.pathname}`
    if (asked === 'GET /bundles') return { status: 200, body: { bundles: this.#readableBy(token) } }
    if (/^POST \/status(\/|$)/.test(asked)) return this.#report(call)
    for (const { path, right, answer, ...route } of ROUTES) {
      const name = route.method === method ? path.exec(url.pathname)?.[1] : undefined
      if (name === undefined) continue
      const kept = this.#kept.get(name)
      // Who has no right does not learn which environments there are.
      if (kept === undefined || !mayDo(token, right, name))
        return refusal(403, `the token "${token.name}" may not ${right} "${name}"`)
      const answered = await answer(call, kept, this.#options.verify)
      if (right === 'push') this.#logPush(name, token, answered)
      return answered
    }
    return refusal(404, `there is no ${asked}`)
  }

  #report(call: Call): Promise<Answer> | Answer {
    const { log } = this.#options
    return takeReport(call, this.#kept, ({ bundle, revision, sidecar }) =>
      log.info({ bundle, revision, sidecar }, 'activated'),
    )
  }

  #readableBy(token: Token): string[] {
    return [...this.#kept.keys()].filter((name) => mayDo(token, 'read', name))
  }

  #logPush(bundle: string, { name: pushedBy }: Token, { status, body }: Answer): void {
    const { log } = this.#options
    if (status < 300) log.info({ bundle, pushedBy, answer: body }, 'pushed')
    else log.warn({ bundle, pushedBy, answer: body }, 'refused a bundle')
  }

  async #readiness(): Promise<Answer> {
    try {
      await access(this.#options.dir, constants.W_OK)
      return { status: 200, body: { status: 'ready' } }
    } catch (error) {
      return { status: 503, body: { status: 'not ready', dir: messageOf(error) } }
    }
  }
}
