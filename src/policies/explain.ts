import { type PolicyRequest, isById } from '../domain/command.ts'
import type { Decision, DecisionRequest, ResourceInput } from '../domain/decision.ts'
import { Failure } from '../domain/failure.ts'
import type { FilterAnswer, Pdp } from '../pdp/pdp.ts'
import { type ResourceType, attributeColumns } from '../resources/resource-type.ts'

/** What explaining takes of a policy decision point. */
export type ExplainingPdp = Pdp & { rulesThatHeld(path: string, input: unknown): Promise<readonly string[]> }

/** Why the policies answer a request as they do. */
export type Explanation = {
  /** Absent for a collection: its rows are decided by the filter. */
  readonly decision?: Decision
  /** The rules that held, as `file:line`, by policy. */
  readonly rules: Readonly<Record<'authz' | 'data_filter', readonly string[]>>
  /** Which rows of the type this user may do this to, or why no filter can say it. */
  readonly filter: FilterAnswer | Failure
}

/** Asks the policies, and only asks. `attributes` is what they see of the resource, if there is one. */
export async function explain(
  pdp: ExplainingPdp,
  { user, action, resource }: PolicyRequest,
  type: ResourceType,
  attributes: Readonly<Record<string, unknown>> | undefined,
): Promise<Explanation> {
  const seen: ResourceInput | undefined = isById(resource)
    ? { ...attributes, type: type.name, id: resource.id }
    : undefined
  const filters = await pdp.filter(
    new Map([['it', { user, action, type: type.name, columns: attributeColumns(type) }]]),
  )
  const filter = filters.get('it') ?? new Failure('JW_PDP_BAD_RESPONSE', 'no filter was given')
  if (seen === undefined) return { rules: { authz: [], data_filter: [] }, filter }
  const input: DecisionRequest = { user, action, resource: seen }
  const decision = (await pdp.decide(new Map([['it', input]]))).get('it')
  if (decision === undefined || decision instanceof Failure)
    throw decision ?? new Failure('JW_PDP_BAD_RESPONSE', 'no decision was given')
  const [authz, dataFilter] = await Promise.all(
    ['authz/allow', 'data_filter/allow'].map((path) => pdp.rulesThatHeld(path, input)),
  )
  return { decision, rules: { authz: authz ?? [], data_filter: dataFilter ?? [] }, filter }
}
