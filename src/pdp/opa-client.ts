import type { Decision, DecisionRequest } from '../domain/decision.ts'
import { Failure, toFailure } from '../domain/failure.ts'
import { Circuit, type CircuitOptions } from './circuit.ts'
import { type FilterApi, compileFilter } from './compile-filter.ts'
import { FilterCache } from './filter-cache.ts'
import { accept, readJson, statusFailure } from './opa-response.ts'
import { type OpaResponse, OpaTransport, type OpaTransportOptions } from './opa-transport.ts'
import { DECISIONS_PATH, DataBody, Decisions, READY_PATH, STRICT } from './opa-wire.ts'
import { pairAnswers } from './pair-answers.ts'
import { PdpFailure, TransientFailure } from './pdp-failure.ts'
import type { FilterAnswer, FilterRequest, Pdp } from './pdp.ts'
import { readRulesThatHeld } from './rules-that-held.ts'
import { type RetryOptions, retrying } from './retry.ts'
import { askOrSplit, blamePdp, mayBePoison } from './split-batch.ts'

export type OpaClientOptions = OpaTransportOptions & {
  /** One deadline over a call with all its retries, in milliseconds. */
  readonly timeoutMs: number
  readonly retry: RetryOptions
  readonly circuit: CircuitOptions
  /** Headers for one call, such as `traceparent`. */
  readonly headers: () => Readonly<Record<string, string>>
  /** Told when calls are suspended (true) and when they are taken up again (false). */
  readonly onCircuitChange: (open: boolean) => void
}

export type Health = { readonly ready: true } | { readonly ready: false; readonly failure: Failure }

/** How many filters are kept: one for each user, action and type that is at work. */
const FILTERS_KEPT = 10_000

/** Package and rule names, slash by slash: nothing that OPA would take for more than a path. */
const POLICY_PATH = /^[A-Za-z_][A-Za-z0-9_]*(\/[A-Za-z_][A-Za-z0-9_]*)*$/

/** The client of the OPA sidecar. It allows on the boolean `true` alone; everything unclear is a failure. */
export class OpaClient implements Pdp {
  readonly #transport: OpaTransport
  readonly #options: OpaClientOptions
  readonly #circuit: Circuit
  readonly #filters = new FilterCache(FILTERS_KEPT)

  private constructor(transport: OpaTransport, options: OpaClientOptions) {
    this.#transport = transport
    this.#options = options
    this.#circuit = new Circuit(options.circuit, () => this.#probe(), options.onCircuitChange)
  }

  static async open(options: OpaClientOptions): Promise<OpaClient> {
    return new OpaClient(await OpaTransport.open(options), options)
  }

  async decide(requests: ReadonlyMap<string, DecisionRequest>): Promise<ReadonlyMap<string, Decision | Failure>> {
    const signal = AbortSignal.timeout(this.#options.timeoutMs)
    // All of it one call for the circuit: what a poison job makes OPA answer says nothing about OPA.
    return this.#call(() => askOrSplit(requests, (part) => this.#ask(part, signal)), signal)
  }

  /**
   * Queries a policy path below /v1/data for its full result, such as `authz/allow`.
   * @throws Failure JW_PDP_NOT_READY when the policies define nothing there; the other JW_PDP failures
   */
  async query(path: string, input: unknown): Promise<unknown> {
    requirePolicyPath(path)
    const signal = AbortSignal.timeout(this.#options.timeoutMs)
    const documentPath = `/v1/data/${path}`
    const result = await this.#call(() => this.#data(documentPath, input, signal), signal)
    return defined(documentPath, result) // Past the circuit: not every path is one that OPA must know.
  }

  /** Compiles each distinct request once a policy revision; the current revision is asked for first. */
  async filter(requests: ReadonlyMap<string, FilterRequest>): Promise<ReadonlyMap<string, FilterAnswer | Failure>> {
    const signal = AbortSignal.timeout(this.#options.timeoutMs)
    const revision = await this.#call(() => this.#revision(signal), signal)
    const answers = [...requests].map(async ([id, request]) => {
      const compile = () => this.#compile(request, revision, signal)
      const answer = await this.#filters.get(request, revision, compile).catch(toFailure)
      return [id, answer] as const
    })
    return new Map(await Promise.all(answers))
  }

  /** The policy revision that OPA answers from now. @throws Failure JW_PDP_* */
  async revision(): Promise<string> {
    const signal = AbortSignal.timeout(this.#options.timeoutMs)
    return this.#call(() => this.#revision(signal), signal)
  }

  /** Which rules of a policy's `allow` held for this input: `file:line` of each, as OPA's own trace tells. */
  async rulesThatHeld(path: string, input: unknown): Promise<readonly string[]> {
    requirePolicyPath(path)
    const signal = AbortSignal.timeout(this.#options.timeoutMs)
    const body = JSON.stringify({ input })
    const response = await this.#post(`/v1/data/${path}?explain=full&pretty=true`, body, signal)
    return readRulesThatHeld(path, response)
  }

  /** Whether OPA is reachable and has its policies. Never throws: being down is the answer. */
  async health(): Promise<Health> {
    try {
      await this.#probe()
      return { ready: true }
    } catch (error) {
      if (error instanceof Failure) return { ready: false, failure: error }
      throw error
    }
  }

  /** Whether calls are suspended. */
  get suspended(): boolean {
    return this.#circuit.open
  }

  async close(): Promise<void> {
    this.#circuit.close()
    await this.#transport.close()
  }

  #call<Result>(call: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    return retrying(() => this.#circuit.call(call), isTransient, this.#options.retry, signal)
  }

  /** Ready means: the bundles are active, and the entry point answers an empty batch. */
  async #probe(): Promise<void> {
    const signal = AbortSignal.timeout(this.#options.timeoutMs)
    const response = await this.#transport.send({ method: 'GET', path: READY_PATH, signal })
    if (response.status === 500) throw new PdpFailure('JW_PDP_NOT_READY', `OPA ${READY_PATH} answered 500`)
    if (response.status !== 200) throw statusFailure(READY_PATH, response)
    await this.#ask(new Map(), signal)
  }

  async #ask(requests: ReadonlyMap<string, DecisionRequest>, signal: AbortSignal): Promise<Map<string, Decision>> {
    return pairAnswers(requests, await this.#decisions({ requests: Object.fromEntries(requests) }, signal))
  }

  async #compile(request: FilterRequest, revision: string, signal: AbortSignal): Promise<FilterAnswer> {
    const { user, action } = request
    const api: FilterApi = {
      post: (path, body, headers) => this.#post(path, body, signal, headers),
      judge: (resource) => this.#revision(signal, { example: { user, action, resource } }),
    }
    const answer = await this.#call(async () => {
      try {
        return await compileFilter(request, revision, api)
      } catch (error) {
        if (!mayBePoison(error)) throw error
        await blamePdp(error, () => this.#revision(signal))
        return error // For the circuit it is an answer: OPA works.
      }
    }, signal)
    if (answer instanceof Failure) throw answer
    return answer
  }

  async #revision(signal: AbortSignal, requests: Readonly<Record<string, unknown>> = {}): Promise<string> {
    return (await this.#decisions({ requests }, signal)).revision
  }

  async #decisions(input: unknown, signal: AbortSignal): Promise<Decisions> {
    const result = await this.#data(DECISIONS_PATH, input, signal)
    return accept(DECISIONS_PATH, defined(DECISIONS_PATH, result), Decisions)
  }

  #post(path: string, body: string, signal: AbortSignal, headers: Record<string, string> = {}): Promise<OpaResponse> {
    const all = { ...this.#options.headers(), ...headers }
    return this.#transport.send({ method: 'POST', path, body, headers: all, signal })
  }

  /** The document at a path of the Data API; undefined when the policies define none. */
  async #data(path: string, input: unknown, signal: AbortSignal): Promise<unknown> {
    const body = JSON.stringify({ input })
    const response = await this.#post(path + STRICT, body, signal)
    const { result, warning } = readJson(path, response, DataBody)
    if (warning !== undefined)
      throw new PdpFailure('JW_PDP_BAD_RESPONSE', `OPA ${path} answered with a warning: ${warning.code}`)
    return result
  }
}

function requirePolicyPath(path: string): void {
  if (!POLICY_PATH.test(path)) throw new Failure('JW_PDP_REJECTED', `"${path}" is not a path such as authz/allow`)
}

function defined(path: string, result: unknown): unknown {
  if (result === undefined) throw new PdpFailure('JW_PDP_NOT_READY', `OPA ${path} is undefined`)
  return result
}

/** What the next try may not meet; a deadline that has passed is over. */
function isTransient(error: unknown): boolean {
  return error instanceof TransientFailure || (error instanceof Failure && error.code === 'JW_PDP_UNREACHABLE')
}
