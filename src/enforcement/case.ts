import type { Command } from '../domain/command.ts'
import { Failure } from '../domain/failure.ts'
import type { Outcome } from '../domain/outcome.ts'
import type { CollectionEntry, Effect, LoadedResource, Rejection } from '../storage/command-store.ts'
import type { Delivery } from '../queue/delivery.ts'
import type { ResourceType } from '../resources/resource-type.ts'

/** A command that passed admission, with what the ledger must know of where it came from. */
export type Accepted = {
  readonly command: Command
  readonly type: ResourceType
  readonly commandDigest: string
  readonly producer: string
}

/** The rows that a command on a collection may act on, as the policies say. */
export type Selection = Pick<CollectionEntry, 'filter' | 'masks' | 'policyRevision'>

/**
 * What is about to be recorded: an outcome with the effect that must succeed with it, or a selection whose outcome the
 * statement itself finds. `inputDigest` is there when the policies were asked.
 */
export type Verdict =
  | { readonly outcome: Outcome; readonly effect?: Effect; readonly inputDigest?: string }
  | { readonly selection: Selection; readonly inputDigest: string }

/** One delivery on its way through the steps of a batch. Each step fills in its part. */
export type Case = {
  readonly delivery: Delivery
  accepted?: Accepted | undefined
  rejection?: Rejection | undefined
  resource?: LoadedResource | undefined
  verdict?: Verdict | undefined
  /** How often the resource changed between decision and effect. */
  losses: number
  /** Set once and last: what the job ends with. */
  settlement?: Outcome | Failure | undefined
}

/** What a case ended with. A case that ended with nothing is a defect. */
export function settlementOf({ settlement, delivery }: Case): Outcome | Failure {
  return settlement ?? new Failure('JW_UNEXPECTED', `job ${delivery.jobId} left its batch without an outcome`)
}
