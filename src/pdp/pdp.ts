import type { Decision, DecisionRequest } from '../domain/decision.ts'
import type { Failure } from '../domain/failure.ts'

/** The policy decision point, as the worker needs it. */
export interface Pdp {
  /**
   * Decides a batch in one query, so that all answers come from one policy revision.
   * The result has every id of `requests` and no other: a decision, or the failure to get one.
   */
  decide(requests: ReadonlyMap<string, DecisionRequest>): Promise<ReadonlyMap<string, Decision | Failure>>
}
