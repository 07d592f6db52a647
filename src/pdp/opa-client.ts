import type { Decision, DecisionRequest } from '../domain/decision.ts'
import { Failure, toFailure } from '../domain/failure.ts'
import { Circuit, type CircuitOptions } from './circuit.ts'
import { Filters } from './filters/filters.ts'
import { accept, readJson, statusFailure, pairAnswers, readRulesThatHeld } from './opa-response.ts'
import { type OpaResponse, OpaTransport, type OpaTransportOptions } from './opa-transport.ts'
import { DECISIONS_PATH, DataBody, Decisions, READY_PATH, STRICT } from './opa-wire.ts'
import { PdpFailure } from './pdp-failure.ts'
import type { FilterAnswer, FilterRequest, Pdp } from '../enforcement/ports/decision-point.ts'
import { type RetryOptions, retrying } from './retry.ts'
import { askOrSplit } from './split-batch.ts'

export type OpaClientOptions = OpaTransportOptions & {
  /** One deadline over a call with all its retries, in milliseconds. */
  readonly timeoutMs: number
  /** How long a filter may be reused, in milliseconds; 0 keeps none. */
  readonly filterTtlMs: number
  readonly retry: RetryOptions
  readonly circuit: CircuitOptions
  /** Headers for one call, such as `traceparent`. */
  readonly headers: () => Readonly<Record<string, string>>
  /** Called with true when calls are suspended, and with false when they resume. */
  readonly onCircuitChange: (open: boolean) => void
}

export type Health = { readonly ready: true } | { readonly ready: false; readonly failure: Failure }

/** A request on which no policy should fail: if it gets an answer, the policies work. */
const CONTROL: readonly [string, DecisionRequest] = [
  'control',
  { user: { id: 'control', role: 'control' }, action: 'read', resource: { type: 'control', id: 'control' } },
]

/** Names of packages and rules between slashes: nothing that OPA would read as more than a path. */
const POLICY_PATH = /^[A-Za-z_][A-Za-z0-9_]*(\/[A-Za-z_][A-Za-z0-9_]*)*$/

/** The client of the OPA sidecar. Only the boolean `true` allows; everything unclear is a failure. */
export class OpaClient implements Pdp {
  readonly #transport: OpaTransport
  readonly #options: OpaClientOptions
  readonly #circuit: Circuit
  readonly #filters: Filters

  private constructor(transport: OpaTransport, options: OpaClientOptions) {
    this.#transport = transport
    this.#options = options
    this.#circuit = new Circuit(options.circuit, () => this.#probe(), options.onCircuitChange)
    const api = {
      get: (path: string, signal: AbortSignal) =>
        transport.send({ method: 'GET', path, headers: options.headers(), signal }),
      post: (path: string, body: string, signal: AbortSignal) => this.#post(path, body, signal),
      revision: (signal: AbortSignal) => this.#revision(signal),
    }
    this.#filters = new Filters(api, { ttlMs: options.filterTtlMs, patienceMs: Math.ceil(options.timeoutMs / 3) })
  }

  /** @throws Failure JW_CONFIG_INVALID when the URL or a TLS file cannot be used */
  static open(options: OpaClientOptions): OpaClient {
    return new OpaClient(OpaTransport.open(options), options)
  }

  async decide(requests: ReadonlyMap<string, DecisionRequest>): Promise<ReadonlyMap<string, Decision | Failure>> {
    const signal = AbortSignal.timeout(this.#options.timeoutMs)
    // The circuit sees all of it as one call: the answers to a poison job say nothing about OPA.
    return this.#call(() => askOrSplit(requests, (part) => this.#ask(part, signal), CONTROL), signal)
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
    return defined(documentPath, result) // Outside of the circuit: OPA need not know every path.
  }

  /** Asks for the current revision first, and uses no filter of another one. */
  async filter(requests: ReadonlyMap<string, FilterRequest>): Promise<ReadonlyMap<string, FilterAnswer | Failure>> {
    const signal = AbortSignal.timeout(this.#options.timeoutMs)
    const revision = await this.#call(() => this.#revision(signal), signal)
    const answers = [...requests].map(async ([id, request]) => {
      const get = () => this.#filters.get(request, revision, signal)
      return [id, await this.#call(get, signal).catch(toFailure)] as const
    })
    return new Map(await Promise.all(answers))
  }

  /** Whether the policies of a revision call something whose answer changes by itself, such as the time. */
  async isVolatile(revision: string): Promise<boolean> {
    const signal = AbortSignal.timeout(this.#options.timeoutMs)
    return (await this.#call(() => this.#filters.traits(revision, signal), signal)).volatile
  }

  /** The policy revision that OPA answers from now. @throws Failure JW_PDP_* */
  async revision(): Promise<string> {
    const signal = AbortSignal.timeout(this.#options.timeoutMs)
    return this.#call(() => this.#revision(signal), signal)
  }

  /** Which rules of a policy's `allow` held for this input: `file:line` of each, from OPA's own trace. */
  async rulesThatHeld(path: string, input: unknown): Promise<readonly string[]> {
    requirePolicyPath(path)
    const signal = AbortSignal.timeout(this.#options.timeoutMs)
    const body = JSON.stringify({ input })
    const response = await this.#post(`/v1/data/${path}?explain=full&pretty=true`, body, signal)
    return readRulesThatHeld(path, response)
  }

  /** Whether OPA is reachable and has its policies. It never throws: that OPA is down is an answer. */
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

  /** Succeeds when the bundles are active and the entry point answers an empty batch. */
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

  async #revision(signal: AbortSignal): Promise<string> {
    return (await this.#decisions({ requests: {} }, signal)).revision
  }

  async #decisions(input: unknown, signal: AbortSignal): Promise<Decisions> {
    const result = await this.#data(DECISIONS_PATH, input, signal)
    return accept(DECISIONS_PATH, defined(DECISIONS_PATH, result), Decisions)
  }

  #post(path: string, body: string, signal: AbortSignal): Promise<OpaResponse> {
    return this.#transport.send({ method: 'POST', path, body, headers: this.#options.headers(), signal })
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

function isTransient(error: unknown): boolean {
  return error instanceof Failure && error.isTransient
}
