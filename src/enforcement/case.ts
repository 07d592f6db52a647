import { type Command, isById } from '../domain/command.ts'
import type { Asking } from '../domain/decision.ts'
import type { Failure } from '../domain/failure.ts'
import type { Outcome } from '../domain/outcome.ts'
import type { DecidedRow, Effect, LoadedResource, Rejection } from './ports/command-store.ts'
import type { Delivery } from './ports/delivery.ts'
import type { ResourceType } from '../domain/resource-type.ts'

/** A command that passed admission, with what the ledger records about its origin. */
export type Accepted = {
  readonly command: Command
  readonly type: ResourceType
  readonly commandDigest: string
  readonly producer: string
}

/** Who asks for what, as the policies see it and the ledger records it. */
export function askingOf({ command: { user, action }, producer }: Accepted): Asking {
  return { user, action, producer }
}

/** The rows of a collection that one revision of the policies allows, and how far the search for them went. */
export type Selection = {
  readonly rows: readonly DecidedRow[]
  /** Rows on which the policies gave no answer. */
  readonly undecided: number
  /** Where the command can continue if there are more rows. */
  readonly next?: string | undefined
  /** How many rows were decided, if that is the most that one command may have decided. */
  readonly examined?: number | undefined
  readonly policyRevision: string
}

/**
 * What is about to be recorded: an outcome with the effect that must succeed with it, or the rows of a collection.
 * `inputDigest` is there when the policies were asked.
 */
export type Verdict =
  | { readonly outcome: Outcome; readonly effect?: Effect; readonly inputDigest?: string }
  | { readonly selection: Selection; readonly inputDigest: string }

/** A selection of which some rows have changed since. Those are decided again, and the others stay. */
export type Reselection = Extract<Verdict, { selection: Selection }> & { readonly changed: readonly string[] }

/** A command being processed. `losses` is how often its resource, or a row of its collection, changed before the effect. */
type Underway = {
  readonly delivery: Delivery
  readonly accepted: Accepted
  readonly losses: number
  readonly reselection?: Reselection | undefined
}

/** Nothing in the job could be believed: there is no command, and it ends `invalid`. */
export type Invalid = {
  readonly stage: 'invalid'
  readonly delivery: Delivery
  readonly rejection: Rejection
  readonly outcome: Outcome
}
/** The command is what it claims to be. */
export type Admitted = Underway & { readonly stage: 'admitted' }
/** The command has no outcome yet. `resource` is the one that it names, if it exists. */
export type Loaded = Underway & { readonly stage: 'loaded'; readonly resource?: LoadedResource | undefined }
/** The command has a verdict, which becomes its end if its guard holds. */
export type Judged = Underway & { readonly stage: 'judged'; readonly verdict: Verdict }
/** The job has ended for now: with a recorded outcome, or with the failure that keeps it from one. */
export type Ended = {
  readonly stage: 'ended'
  readonly delivery: Delivery
  readonly accepted?: Accepted | undefined
  readonly rejection?: Rejection | undefined
  readonly end: Outcome | Failure
}

/** One delivery between two steps of a batch. A step takes cases at some stages and returns what it made of them. */
export type Case = Invalid | Admitted | Loaded | Judged | Ended

/** The cases at one stage. */
export function at<Stage extends Case['stage']>(
  stage: Stage,
  cases: readonly Case[],
): Extract<Case, { stage: Stage }>[] {
  return cases.filter((each): each is Extract<Case, { stage: Stage }> => each.stage === stage)
}

/** Whether the command is on a collection. */
export function isCollection({ accepted }: Pick<Underway, 'accepted'>): boolean {
  return !isById(accepted.command.resource)
}

/** The case at its end. */
export function endedWith(
  { delivery, accepted }: Pick<Underway, 'delivery' | 'accepted'>,
  end: Outcome | Failure,
): Ended {
  return { stage: 'ended', delivery, accepted, end }
}
