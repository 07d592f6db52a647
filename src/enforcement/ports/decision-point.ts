import type { Asking, Decision, DecisionRequest } from '../../domain/decision.ts'
import type { Failure } from '../../domain/failure.ts'
import type { RowFilter } from '../../domain/row-filter.ts'
import type { Widening } from '../../domain/widening.ts'
import { type Attribute, type ResourceType, attributesOf } from '../../domain/resource-type.ts'

/** Which rows of a type may this user act on? */
export type FilterRequest = Asking & {
  readonly type: string
  /** What policies may speak of, by name. */
  readonly attributes: ReadonlyMap<string, Attribute>
}

/** The request for a filter: the type of the resource is known, and its attributes are not. */
export function filterRequest({ user, action, producer }: Asking, type: ResourceType): FilterRequest {
  return { user, action, producer, type: type.name, attributes: attributesOf(type) }
}

/** A filter that no row is missing from that the user may act on. It narrows a scan; only a decision allows. */
export type FilterAnswer = {
  readonly filter: RowFilter
  /** The conditions that the filter leaves out; none if it expresses the policies exactly. */
  readonly widened: readonly Widening[]
  readonly policyRevision: string
}

/** The policy decision point, as the worker uses it. */
export interface Pdp {
  /**
   * Decides a batch in one query, so that all answers come from one policy revision.
   * The result has every id of `requests` and no other: a decision, or the failure to get one.
   * @throws Failure JW_PDP_* when there is no answer for any of them
   */
  decide(requests: ReadonlyMap<string, DecisionRequest>): Promise<ReadonlyMap<string, Decision | Failure>>

  /**
   * The filters of a batch. Equal requests share one answer. A filter is a few seconds old at most.
   * The result has every id of `requests` and no other: an answer, or the failure to get one.
   * @throws Failure JW_PDP_* when there is no answer for any of them
   */
  filter(requests: ReadonlyMap<string, FilterRequest>): Promise<ReadonlyMap<string, FilterAnswer | Failure>>
}
