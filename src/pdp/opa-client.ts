import type { Decision, DecisionRequest } from '../domain/decision.ts'
import { Failure, toFailure } from '../domain/failure.ts'
import { Circuit, type CircuitOptions } from './circuit.ts'
import { FilterCache } from './filter-cache.ts'
import { FILTER_ACCEPT, FILTER_PATH, filterBody, readFilter } from './filter-wire.ts'
import { TransientFailure, accept, readJson } from './opa-response.ts'
import { OpaTransport, type OpaTransportOptions } from './opa-transport.ts'
import { type Answer, DECISIONS_PATH, DataBody, Decisions, READY_PATH } from './opa-wire.ts'
import type { FilterAnswer, FilterRequest, Pdp } from './pdp.ts'
import { type RetryOptions, retrying } from './retry.ts'
import { mayBePoison, splitBatch } from './split-batch.ts'

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
    try {
      return await this.#retrying(() => this.#circuit.call(() => this.#ask(requests, signal)), signal)
    } catch (error) {
      if (!mayBePoison(error)) throw error
      // Past the circuit: what one poison job makes OPA answer says nothing about OPA.
      return splitBatch(requests, error, (part) => this.#ask(part, signal))
    }
  }

  /**
   * Queries a policy path below /v1/data for its full result, such as `authz/allow`.
   * @throws Failure JW_PDP_NOT_READY when the policies define nothing there; the other JW_PDP failures
   */
  async query(path: string, input: unknown): Promise<unknown> {
    if (!POLICY_PATH.test(path)) throw new Failure('JW_PDP_REJECTED', `"${path}" is not the path of a policy`)
    const signal = AbortSignal.timeout(this.#options.timeoutMs)
    return this.#retrying(() => this.#circuit.call(() => this.#data(`/v1/data/${path}`, input, signal)), signal)
  }

  /** Compiles each distinct request once a policy revision; the current revision is asked for first. */
  async filter(requests: ReadonlyMap<string, FilterRequest>): Promise<ReadonlyMap<string, FilterAnswer | Failure>> {
    const revision = await this.revision()
    const signal = AbortSignal.timeout(this.#options.timeoutMs)
    const compile = (request: FilterRequest) => () =>
      this.#retrying(() => this.#circuit.call(() => this.#compile(request, revision, signal)), signal)
    const answers = [...requests].map(async ([id, request]) => {
      const answer = await this.#filters.get(request, revision, compile(request)).catch(toFailure)
      return [id, answer] as const
    })
    return new Map(await Promise.all(answers))
  }

  /** The policy revision that OPA answers from now. @throws Failure JW_PDP_* */
  async revision(): Promise<string> {
    const signal = AbortSignal.timeout(this.#options.timeoutMs)
    return this.#retrying(() => this.#circuit.call(() => this.#revision(signal)), signal)
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

  #retrying<Result>(call: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    return retrying(call, isTransient, this.#options.retry, signal)
  }

  /** Ready means: the bundles are active, and the entry point answers an empty batch. */
  async #probe(): Promise<void> {
    const signal = AbortSignal.timeout(this.#options.timeoutMs)
    const { status } = await this.#transport.send({ method: 'GET', path: READY_PATH, signal })
    if (status !== 200) throw new Failure('JW_PDP_NOT_READY', `OPA ${READY_PATH} answered ${status}`)
    await this.#ask(new Map(), signal)
  }

  async #ask(requests: ReadonlyMap<string, DecisionRequest>, signal: AbortSignal): Promise<Map<string, Decision>> {
    const input = { requests: Object.fromEntries(requests) }
    const { revision, answers } = accept(DECISIONS_PATH, await this.#data(DECISIONS_PATH, input, signal), Decisions)
    return pair(requests, answers, revision)
  }

  /** An empty answer means no row, if the policies were there before and after it in the same revision. */
  async #compile(request: FilterRequest, before: string, signal: AbortSignal): Promise<FilterAnswer> {
    const headers = { ...this.#options.headers(), accept: FILTER_ACCEPT }
    const body = filterBody(request)
    const response = await this.#transport.send({ method: 'POST', path: FILTER_PATH, body, headers, signal })
    const answer = readFilter(response, request)
    if (answer !== undefined) return answer
    const policyRevision = await this.#revision(signal)
    if (policyRevision === before) return { filter: { kind: 'none' }, masks: {}, policyRevision }
    throw new TransientFailure('JW_PDP_NOT_READY', `the policies changed from ${before} to ${policyRevision} meanwhile`)
  }

  async #revision(signal: AbortSignal): Promise<string> {
    return accept(DECISIONS_PATH, await this.#data(DECISIONS_PATH, { requests: {} }, signal), Decisions).revision
  }

  async #data(path: string, input: unknown, signal: AbortSignal): Promise<unknown> {
    const body = JSON.stringify({ input })
    const response = await this.#transport.send({
      method: 'POST',
      path,
      body,
      headers: this.#options.headers(),
      signal,
    })
    const { result, warning } = readJson(path, response, DataBody)
    if (warning !== undefined)
      throw new Failure('JW_PDP_BAD_RESPONSE', `OPA ${path} answered with a warning: ${warning.code}`)
    if (result === undefined)
      throw new Failure('JW_PDP_NOT_READY', `OPA ${path} is undefined: its policies are not loaded`)
    return result
  }
}

/** What the next try may not meet; a deadline that has passed is over. */
function isTransient(error: unknown): boolean {
  return error instanceof TransientFailure || (error instanceof Failure && error.code === 'JW_PDP_UNREACHABLE')
}

/** Every id answered and no other: an answer to something else is an answer to nothing. */
function pair(
  requests: ReadonlyMap<string, DecisionRequest>,
  answers: Readonly<Record<string, Answer>>,
  policyRevision: string,
): Map<string, Decision> {
  const decisions = new Map<string, Decision>()
  for (const [id, answer] of Object.entries(answers)) {
    if (!requests.has(id)) throw new Failure('JW_PDP_BAD_RESPONSE', `OPA answered "${id}", which was not asked`)
    decisions.set(
      id,
      answer.allow
        ? { effect: 'allow', masks: answer.masks, policyRevision }
        : { effect: 'deny', reasons: answer.reasons, policyRevision },
    )
  }
  const missing = [...requests.keys()].find((id) => !decisions.has(id))
  if (missing !== undefined) throw new Failure('JW_PDP_BAD_RESPONSE', `OPA gave no answer for "${missing}"`)
  return decisions
}
