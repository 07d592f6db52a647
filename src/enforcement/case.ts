import type { Command, ResourceById } from '../domain/command.ts'
import type { Failure } from '../domain/failure.ts'
import type { Outcome } from '../domain/outcome.ts'
import type { Effect, LoadedResource, Rejection } from '../storage/command-store.ts'
import type { Delivery } from '../queue/delivery.ts'

/** A command that passed admission, with what the ledger must know of where it came from. */
export type Accepted = {
  readonly command: Command & { readonly resource: ResourceById }
  readonly commandDigest: string
  readonly producer: string
}

/** What is about to be recorded: an outcome, and the effect that must succeed with it. */
export type Verdict = { readonly outcome: Outcome; readonly effect?: Effect; readonly inputDigest?: string }

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
  settlement?: Outcome | Failure
}
