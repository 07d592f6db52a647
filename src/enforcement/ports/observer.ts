import type { Action, Command } from '../../domain/command.ts'
import type { Failure } from '../../domain/failure.ts'
import type { Outcome } from '../../domain/outcome.ts'
import type { Delivery } from './delivery.ts'

/** The steps of a batch, in their order. */
export type StepName = 'admit' | 'load' | 'decide' | 'examine' | 'commit' | 'publish'

/** Runs one step of a batch for the deliveries or cases that take part in it. */
export type RunStep = <Result>(
  name: StepName,
  participants: readonly (Delivery | { readonly delivery: Delivery })[],
  run: () => Promise<Result>,
) => Promise<Result>

/** A job at its end. It has a command if that could be believed. */
export type EndedJob = {
  readonly delivery: Delivery
  readonly accepted?: { readonly command: Command; readonly producer: string } | undefined
  readonly end: Outcome | Failure
}

/** Rows that a filter let through and the decisions denied. */
export type Disagreement = {
  readonly type: string
  readonly action: Action
  readonly policyRevision: string
  readonly rows: number
  /** The conditions that the filter left out. If there are none, the filter should have excluded the rows. */
  readonly widened: readonly string[]
}

/** Sees what happens in each batch, for traces and figures. It changes nothing. */
export type Observer = {
  /** Runs a batch, passes `run` the function that its steps go through, and sees how each of its jobs ended. */
  readonly batch: <Job extends EndedJob>(
    deliveries: readonly Delivery[],
    run: (step: RunStep) => Promise<readonly Job[]>,
  ) => Promise<readonly Job[]>
  readonly disagreement: (seen: Disagreement) => void
}
