import type { Command } from '../domain/command.ts'
import { Failure } from '../domain/failure.ts'
import type { Outcome } from '../domain/outcome.ts'
import type { DecidedRow, Effect, LoadedResource, Rejection } from '../storage/command-store.ts'
import type { Delivery } from '../queue/delivery.ts'
import type { ResourceType } from '../resources/resource-type.ts'

/** A command that passed admission, with what the ledger must know of where it came from. */
export type Accepted = {
  readonly command: Command
  readonly type: ResourceType
  readonly commandDigest: string
  readonly producer: string
}

/** The rows of a collection that the policies allow, all by one revision, and how far the search for them went. */
export type Selection = {
  readonly rows: readonly DecidedRow[]
  /** Rows on which the policies gave no answer. */
  readonly undecided: number
  /** Where the command goes on when there is more. */
  readonly next?: string | undefined
  /** How many rows were decided, when that many are the most that one command may have decided. */
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

/** A selection some of whose rows have changed since: those are decided again, the others stay. */
export type Reselection = Extract<Verdict, { selection: Selection }> & { readonly changed: readonly string[] }

/** One delivery on its way through the steps of a batch. Each step fills in its part. */
export type Case = {
  readonly delivery: Delivery
  accepted?: Accepted | undefined
  rejection?: Rejection | undefined
  resource?: LoadedResource | undefined
  verdict?: Verdict | undefined
  reselection?: Reselection | undefined
  /** How often the resource, or a row of the collection, changed between decision and effect. */
  losses: number
  /** Set once and last: what the job ends with. */
  settlement?: Outcome | Failure | undefined
}

/** What a case ended with. A case that ended with nothing is a defect. */
export function settlementOf({ settlement, delivery }: Case): Outcome | Failure {
  return settlement ?? new Failure('JW_UNEXPECTED', `job ${delivery.jobId} left its batch without an outcome`)
}
