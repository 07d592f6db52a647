import type { AuditSink } from '../audit/audit-sink.ts'
import type { Failure } from '../domain/failure.ts'
import type { Outcome } from '../domain/outcome.ts'
import type { Pdp } from '../pdp/pdp.ts'
import type { CommandStore } from '../storage/command-store.ts'
import { type Admission, admit } from './admit.ts'
import { settlementOf } from './case.ts'
import { commit } from './commit.ts'
import { decide } from './decide.ts'
import type { Delivery } from '../queue/delivery.ts'
import { load } from './load.ts'
import { publish } from './publish.ts'
import { traceBatch } from './trace-batch.ts'
import { nextTurn } from './turn.ts'

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
 * Steps 2 to 4 are taken again by commands whose resource changed meanwhile, or that waited for another of the batch.
 * Answers in the order of the deliveries: an outcome, or the failure that keeps this job from one.
 * @throws Failure when nothing more can be settled now; what was committed is found again by `load`
 */
export async function processBatch(
  deliveries: readonly Delivery[],
  { admission, store, pdp, audit, maxRows }: Enforcement,
): Promise<readonly (Outcome | Failure)[]> {
  const settled = await traceBatch(deliveries, async (step) => {
    const cases = await step('admit', deliveries, () => admit(deliveries, admission))
    for (let turn = nextTurn(cases); turn.length > 0; turn = nextTurn(cases)) {
      await step('load', turn, () => load(turn, store))
      const open = nextTurn(turn)
      if (open.length === 0) continue
      await step('decide', open, () => decide(open, pdp))
      await step('commit', open, () => commit(open, store, maxRows))
    }
    await step('publish', cases, () => publish(cases, audit))
    return cases
  })
  return settled.map(settlementOf)
}
