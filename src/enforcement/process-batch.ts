import type { AuditSink } from '../audit/audit-sink.ts'
import { AGAIN, type Again } from '../batching/again.ts'
import type { Failure } from '../domain/failure.ts'
import type { Outcome } from '../domain/outcome.ts'
import type { Pdp } from '../pdp/pdp.ts'
import type { CommandStore } from '../storage/command-store.ts'
import { type Admission, admit } from './admit.ts'
import { type Case, settlementOf } from './case.ts'
import { commit } from './commit.ts'
import { decide } from './decide.ts'
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
  /** How many resources one command on a collection may change, or read at a time, without saying how many. */
  readonly maxRows: number
}

/**
 * The policy enforcement point: takes deliveries from the queue to their outcomes, in this order and no other.
 *
 * 1. admit: believe nothing that is not signed, well-formed, meant for this queue and in time.
 * 2. load: earlier outcomes and resources, one query.
 * 3. decide: the policies' answer for every command, one query of one policy revision.
 * 4. commit: outcomes with their guarded effects, one atomic statement.
 * 5. publish: denials to the audit queue, before anything is acknowledged.
 *
 * Steps 2 to 4 are taken again by commands whose resource changed meanwhile. A command that shares its resource with an
 * earlier one of the batch waits for a later batch, so that nobody else waits for it.
 * Answers in the order of the deliveries: an outcome, the failure that keeps this job from one, or AGAIN.
 * @throws Failure when nothing more can be settled now; what was committed is found again by `load`
 */
export async function processBatch(
  deliveries: readonly Delivery[],
  { admission, store, pdp, audit, maxRows }: Enforcement,
): Promise<readonly (Outcome | Failure | Again)[]> {
  const taken = await traceBatch(deliveries, async (step) => {
    const admitted = await step('admit', deliveries, () => admit(deliveries, admission))
    const first = firstOfEach(admitted)
    for (let open = first; open.length > 0; open = unsettled(open)) {
      await step('load', open, () => load(open, store))
      const undecided = unsettled(open)
      if (undecided.length === 0) break
      await step('decide', undecided, () => decide(undecided, pdp))
      await step('commit', undecided, () => commit(undecided, store, maxRows))
    }
    await step('publish', first, () => publish(first, audit))
    return first
  })
  const settled = new Map(taken.map((each) => [each.delivery, settlementOf(each)]))
  return deliveries.map((delivery) => settled.get(delivery) ?? AGAIN)
}

function unsettled(cases: readonly Case[]): Case[] {
  return cases.filter(({ settlement }) => settlement === undefined)
}
