import { type PolicyRequest, isById } from '../domain/command.ts'
import { type Decision, policyInput } from '../domain/decision.ts'
import { Failure } from '../domain/failure.ts'
import { type FilterAnswer, type Pdp, filterRequest } from '../enforcement/ports/decision-point.ts'
import type { ResourceType } from '../domain/resource-type.ts'
import type { Candidate } from '../enforcement/ports/command-store.ts'

/** The part of the policy decision point that is used here. */
export type ExplainingPdp = Pdp & { rulesThatHeld(path: string, input: unknown): Promise<readonly string[]> }

/** Why the policies answer a request as they do. */
export type Explanation = {
  /** Absent for a collection, of which each row is decided by itself. */
  readonly decision?: Decision
  /** The rules that held, as `file:line`, by policy. */
  readonly rules: Readonly<Record<'authz' | 'data_filter', readonly string[]>>
  /** The filter for the rows of this type that the user may do this to. */
  readonly filter: FilterAnswer | Failure
  /** Rows of a collection that the filter lets through and the decisions do not allow; absent unless asked for. */
  readonly leftOut?: LeftOut
}

/** Candidates that are left out: denied with reasons, or undecided because the policies fail on them. */
export type LeftOut = {
  readonly examined: number
  readonly rows: readonly { readonly key: string; readonly why: string }[]
}

/** Finds candidates of a collection; see `CommandStore.candidates`. */
export type CandidateSource = (filter: FilterAnswer) => Promise<readonly Candidate[]>

/**
 * Asks the policies and executes nothing. `attributes` is what they see of the resource, if it exists. With `candidates`,
 * each row of a collection that the filter lets through is decided as well.
 * @throws Failure JW_PDP_*
 */
export async function explain(
  pdp: ExplainingPdp,
  request: PolicyRequest,
  type: ResourceType,
  attributes: Readonly<Record<string, unknown>> | undefined,
  candidates?: CandidateSource,
): Promise<Explanation> {
  const { resource } = request
  const filters = await pdp.filter(new Map([['it', filterRequest(request, type)]]))
  const filter = filters.get('it') ?? new Failure('JW_PDP_BAD_RESPONSE', 'no filter was given')
  if (!isById(resource)) {
    const none = { rules: { authz: [], data_filter: [] }, filter }
    if (candidates === undefined || filter instanceof Failure) return none
    return { ...none, leftOut: await leftOutOf(pdp, request, type, await candidates(filter)) }
  }
  const input = policyInput(request, resource, attributes)
  const decision = (await pdp.decide(new Map([['it', input]]))).get('it')
  if (decision === undefined || decision instanceof Failure)
    throw decision ?? new Failure('JW_PDP_BAD_RESPONSE', 'no decision was given')
  const [authz, dataFilter] = await Promise.all(
    ['authz/allow', 'data_filter/allow'].map((path) => pdp.rulesThatHeld(path, input)),
  )
  return { decision, rules: { authz: authz ?? [], data_filter: dataFilter ?? [] }, filter }
}

async function leftOutOf(
  pdp: Pdp,
  request: PolicyRequest,
  type: ResourceType,
  candidates: readonly Candidate[],
): Promise<LeftOut> {
  const inputs = candidates.map(
    ({ key, attributes }, index) =>
      [`${index}`, policyInput(request, { type: type.name, id: key }, attributes)] as const,
  )
  const answers = await pdp.decide(new Map(inputs))
  const rows = candidates.flatMap(({ key }, index) => {
    const answer = answers.get(`${index}`)
    if (answer === undefined || answer instanceof Failure)
      return [{ key, why: `undecided: ${answer?.message ?? 'no answer'}` }]
    return answer.effect === 'allow' ? [] : [{ key, why: answer.reasons.map(({ code }) => code).join(', ') }]
  })
  return { examined: candidates.length, rows }
}
