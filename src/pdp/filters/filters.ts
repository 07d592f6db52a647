import { LRUCache } from 'lru-cache'
import { isVersioned } from '../../domain/decision.ts'
import { Failure } from '../../domain/failure.ts'
import { readJson } from '../opa-response.ts'
import type { OpaResponse } from '../opa-transport.ts'
import { TransientFailure } from '../pdp-failure.ts'
import type { FilterAnswer, FilterRequest } from '../../enforcement/ports/decision-point.ts'
import { mayBePoison } from '../split-batch.ts'
import { COMPILE_PATH, type CompiledFilter, compileBody, everyRow, readFilter } from './compile-filter.ts'
import { FilterCache } from './filter-cache.ts'
import { POLICIES_PATH, PoliciesBody, type PolicyTraits, UNKNOWN_TRAITS, traitsOf } from './policy-traits.ts'

/** What filters take of OPA. */
export type FilterApi = {
  readonly get: (path: string, signal: AbortSignal) => Promise<OpaResponse>
  readonly post: (path: string, body: string, signal: AbortSignal) => Promise<OpaResponse>
  /** The policy revision that is active now. */
  readonly revision: (signal: AbortSignal) => Promise<string>
}

export type FiltersOptions = {
  /** How long a filter may be used again, in milliseconds; 0 keeps none. */
  readonly ttlMs: number
  /** OPA may take this long for one filter, twice; then it is every row. */
  readonly patienceMs: number
}

/** How many filters are kept: one for each user, action and type that is at work. */
const FILTERS_KEPT = 10_000
/** Revisions whose traits are kept: the active one, and those that a roll-back may bring back. */
const REVISIONS_KEPT = 8
/** Policies are much larger as syntax trees than as text, and nest deeply. */
const MODULES = { maxDepth: 2_000, anyText: true }

/** The filters of one OPA. */
export class Filters {
  readonly #api: FilterApi
  readonly #options: FiltersOptions
  readonly #known: FilterCache
  readonly #traits = new LRUCache<string, PolicyTraits>({ max: REVISIONS_KEPT })

  constructor(api: FilterApi, options: FiltersOptions) {
    this.#api = api
    this.#options = options
    this.#known = new FilterCache({ maxEntries: FILTERS_KEPT, ttlMs: Math.max(options.ttlMs, 1) })
  }

  /** The filter for a request in a policy revision. @throws Failure JW_PDP_*, also when the revision is not active any more */
  async get(request: FilterRequest, revision: string, signal: AbortSignal): Promise<FilterAnswer> {
    const traits = await this.traits(revision, signal)
    const keeps = this.#options.ttlMs > 0 && !traits.volatile && isVersioned(revision)
    return this.#known.get(request, revision, keeps, () => this.#compile(request, revision, traits, signal))
  }

  /** What the text of a revision's policies tells; the worst when OPA does not show it. */
  async traits(revision: string, signal: AbortSignal): Promise<PolicyTraits> {
    const known = this.#traits.get(revision)
    if (known !== undefined) return known
    const traits = await this.#readTraits(signal)
    if (traits !== UNKNOWN_TRAITS && isVersioned(revision)) this.#traits.set(revision, traits)
    return traits
  }

  async #readTraits(signal: AbortSignal): Promise<PolicyTraits> {
    try {
      const response = await this.#api.get(POLICIES_PATH, signal)
      return traitsOf(readJson(POLICIES_PATH, response, PoliciesBody, MODULES))
    } catch (error) {
      if (!(error instanceof Failure) || signal.aborted) throw error
      return UNKNOWN_TRAITS // Filters get wider and live shorter; whether OPA is down shows at the next question.
    }
  }

  async #compile(
    request: FilterRequest,
    revision: string,
    traits: PolicyTraits,
    signal: AbortSignal,
  ): Promise<FilterAnswer> {
    const compiled = await this.#ask(request, traits, signal)
    const policyRevision = await this.#api.revision(signal)
    // "No row" is also what OPA says of policies that are not there: the revision shows that they were, before and after.
    if (policyRevision !== revision)
      throw new TransientFailure('JW_PDP_NOT_READY', `the policies changed to ${policyRevision} meanwhile`)
    return { ...compiled, policyRevision }
  }

  /**
   * A filter that OPA cannot make is every row: the decisions on the rows say then what is wrong. When OPA takes too long,
   * it is asked once more after it has answered something easy: a pause of the machine must not widen a filter.
   */
  async #ask(request: FilterRequest, traits: PolicyTraits, signal: AbortSignal): Promise<CompiledFilter> {
    const inTime = await this.#askInTime(request, traits, signal)
    if (inTime !== undefined) return inTime
    await this.#api.revision(signal)
    return (await this.#askInTime(request, traits, signal)) ?? everyRow('JW_PDP_TIMEOUT')
  }

  /** Undefined when OPA took too long. */
  async #askInTime(
    request: FilterRequest,
    traits: PolicyTraits,
    signal: AbortSignal,
  ): Promise<CompiledFilter | undefined> {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(this.#options.patienceMs)])
    try {
      return readFilter(await this.#api.post(COMPILE_PATH, compileBody(request), patience), request, traits)
    } catch (error) {
      if (!(error instanceof Failure) || signal.aborted) throw error
      if (error.code === 'JW_PDP_TIMEOUT') return undefined
      if (mayBePoison(error)) return everyRow(error.code)
      throw error
    }
  }
}
