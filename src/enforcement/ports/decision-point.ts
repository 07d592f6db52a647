import type { Asking, Decision, DecisionRequest } from '../../domain/decision.ts'
import type { Failure } from '../../domain/failure.ts'
import type { RowFilter } from '../../domain/row-filter.ts'
import type { Widening } from '../../domain/widening.ts'
import { type Attribute, type ResourceType, attributesOf } from '../../domain/resource-type.ts'

/** Among which rows of a type are those that this user may act on? */
export type FilterRequest = Asking & {
  readonly type: string
  /** What policies may speak of, by name. */
  readonly attributes: ReadonlyMap<string, Attribute>
}

/** What a filter is asked for: its type is known, its attributes are not. */
export function filterRequest({ user, action, producer }: Asking, type: ResourceType): FilterRequest {
  return { user, action, producer, type: type.name, attributes: attributesOf(type) }
}

/** Rows among which all those are that the user may act on. It narrows a scan; only a decision allows. */
export type FilterAnswer = {
  readonly filter: RowFilter
  /** The conditions that the filter leaves out; none when it says all that the policies say. */
  readonly widened: readonly Widening[]
  readonly policyRevision: string
}

/** The policy decision point, as the worker needs it. */
export interface Pdp {
  /**
   * Decides a batch in one query, so that all answers come from one policy revision.
   * The result has every id of `requests` and no other: a decision, or the failure to get one.
   * @throws Failure JW_PDP_* when there is no answer for any
   */
  decide(requests: ReadonlyMap<string, DecisionRequest>): Promise<ReadonlyMap<string, Decision | Failure>>

  /**
   * The filters of a batch; equal requests share one answer. A filter is seconds old at most.
   * The result has every id of `requests` and no other: an answer, or the failure to get one.
   * @throws Failure JW_PDP_* when there is no answer for any
   */
  filter(requests: ReadonlyMap<string, FilterRequest>): Promise<ReadonlyMap<string, FilterAnswer | Failure>>
}
