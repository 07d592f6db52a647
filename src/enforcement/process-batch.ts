import type { AuditSink } from '../audit/audit-sink.ts'
import { AGAIN, type Again } from '../batching/again.ts'
import { isById } from '../domain/command.ts'
import { Failure } from '../domain/failure.ts'
import { type Outcome, withoutRows } from '../domain/outcome.ts'
import type { Pdp } from '../pdp/pdp.ts'
import type { CommandStore } from '../storage/command-store.ts'
import { type Admission, admit } from './admit.ts'
import { type Case, settlementOf } from './case.ts'
import { commit } from './commit.ts'
import type { Disagreement } from './decide-candidates.ts'
import { decide } from './decide.ts'
import { type CollectionLimits, examine } from './examine.ts'
import type { Delivery } from '../queue/delivery.ts'
import { load } from './load.ts'
import { publish } from './publish.ts'
import { traceBatch } from './trace-batch.ts'
import { firstOfEach } from './first-of-each.ts'

/** Everything a batch needs from outside. */
export type Enforcement = {
  readonly admission: Admission
  readonly store: CommandStore
  readonly pdp: Pdp
  readonly audit: AuditSink
  readonly limits: CollectionLimits
  /** Told of rows that a filter let through and the decisions denied. */
  readonly onDisagreement: (disagreement: Disagreement) => void
}

/**
 * The policy enforcement point: takes deliveries from the queue to their outcomes, in this order and no other.
 *
 * 1. admit: believe nothing that is not signed, well-formed, meant for this queue and in time.
 * 2. load: earlier outcomes and resources, one query.
 * 3. decide: the policies' answer for every command on one resource, one query of one policy revision.
 * 4. examine: the same answer for every row that a command on a collection may be about.
 * 5. commit: outcomes with their guarded effects, one atomic statement; one more for each collection.
 * 6. publish: denials to the audit queue, before anything is acknowledged.
 *
 * Steps 2 to 5 are taken again by commands whose resource changed meanwhile. A command that shares its resource with an
 * earlier one of the batch waits for a later batch, so that nobody else waits for it.
 * Answers in the order of the deliveries: an outcome without the rows of a read, the failure that keeps this job from one, or AGAIN.
 * @throws Failure when nothing more can be settled now; what was committed is found again by `load`
 */
export async function processBatch(
  deliveries: readonly Delivery[],
  { admission, audit, ...examination }: Enforcement,
): Promise<readonly (Outcome | Failure | Again)[]> {
  const { store, pdp } = examination
  const taken = await traceBatch(deliveries, async (step) => {
    const admitted = await step('admit', deliveries, () => admit(deliveries, admission))
    const first = firstOfEach(admitted)
    for (let open = first; open.length > 0; open = unsettled(open)) {
      await step('load', open, () => load(open, store))
      const single = undecided(open).filter((each) => !isCollection(each))
      if (single.length > 0) await step('decide', single, () => decide(single, pdp))
      const collections = undecided(open).filter(isCollection)
      if (collections.length > 0) await step('examine', collections, () => examine(collections, examination))
      const decided = unsettled(open)
      if (decided.length > 0) await step('commit', decided, () => commit(decided, store))
    }
    await step('publish', first, () => publish(first, audit))
    return first
  })
  const settled = new Map(taken.map((each) => [each.delivery, acknowledgementOf(each)]))
  return deliveries.map((delivery) => settled.get(delivery) ?? AGAIN)
}

function acknowledgementOf(settled: Case): Outcome | Failure {
  const end = settlementOf(settled)
  return end instanceof Failure ? end : withoutRows(end)
}

function undecided(cases: readonly Case[]): Case[] {
  return unsettled(cases).filter(({ verdict }) => verdict === undefined)
}

function isCollection({ accepted }: Case): boolean {
  return accepted !== undefined && !isById(accepted.command.resource)
}

function unsettled(cases: readonly Case[]): Case[] {
  return cases.filter(({ settlement }) => settlement === undefined)
}
