import type { Action, User } from '../domain/command.ts'
import type { ColumnMasks } from '../domain/column-masks.ts'
import type { Decision, DecisionRequest } from '../domain/decision.ts'
import type { Failure } from '../domain/failure.ts'
import type { RowFilter } from '../domain/row-filter.ts'
import type { Column } from '../resources/resource-type.ts'

/** Which rows of a type may this user act on? */
export type FilterRequest = {
  readonly user: User
  readonly action: Action
  readonly type: string
  /** The attributes that policies may speak of, and the columns behind them. */
  readonly columns: ReadonlyMap<string, Column>
}

export type FilterAnswer = {
  readonly filter: RowFilter
  /** What reads show instead of some columns. */
  readonly masks: ColumnMasks
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
   * The filters of a batch; equal requests share one answer.
   * The result has every id of `requests` and no other: an answer, or the failure to get one.
   * @throws Failure JW_PDP_* when there is no answer for any
   */
  filter(requests: ReadonlyMap<string, FilterRequest>): Promise<ReadonlyMap<string, FilterAnswer | Failure>>
}
