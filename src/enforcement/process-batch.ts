import type { AuditSink } from './ports/denial-sink.ts'
import { Failure } from '../domain/failure.ts'
import { type Outcome, withoutRows } from '../domain/outcome.ts'
import type { Pdp } from './ports/decision-point.ts'
import { AGAIN, type Again, type Delivery } from './ports/delivery.ts'
import type { CommandStore } from './ports/command-store.ts'
import { type Admission, admit } from './admit.ts'
import { type Admitted, type Case, type Ended, type Invalid, type Judged, at, isCollection } from './case.ts'
import { commit } from './commit.ts'
import { decide } from './decide.ts'
import { type CollectionLimits, examine } from './examine.ts'
import { independentCases } from './independent-cases.ts'
import { load } from './load.ts'
import type { Observer, RunStep } from './ports/observer.ts'
import { publish } from './publish.ts'

/** Everything a batch needs from outside. */
export type Enforcement = {
  readonly admission: Admission
  readonly store: CommandStore
  readonly pdp: Pdp
  readonly audit: AuditSink
  readonly limits: CollectionLimits
  readonly observer: Observer
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
 * Commands whose resource changed in the meantime repeat steps 2 to 5. A command that shares its resource with an earlier
 * one in the batch waits for a later batch, so that the others do not wait for it.
 * Answers in the order of the deliveries: an outcome without the rows of a read, the failure that keeps this job from
 * one, or AGAIN.
 * @throws Failure when nothing more can be settled now; `load` will find again what was committed
 */
export async function processBatch(
  deliveries: readonly Delivery[],
  enforcement: Enforcement,
): Promise<readonly (Outcome | Failure | Again)[]> {
  const { admission, audit, observer } = enforcement
  const taken = await observer.batch(deliveries, async (step) => {
    const admitted = await step('admit', deliveries, () => admit(deliveries, admission))
    const ended: Ended[] = []
    for (let open: Open[] = independentCases(admitted); open.length > 0;) {
      const turned = await takeTurn(open, step, enforcement)
      ended.push(...at('ended', turned))
      open = [...at('admitted', turned), ...at('judged', turned)]
    }
    return step('publish', ended, () => publish(ended, audit))
  })
  const ends = new Map(taken.map(({ delivery, end }) => [delivery, end instanceof Failure ? end : withoutRows(end)]))
  return deliveries.map((delivery) => ends.get(delivery) ?? AGAIN)
}

type Open = Admitted | Judged | Invalid

/** Takes cases from load to commit. Those whose guard did not hold come back to be taken again. */
async function takeTurn(open: readonly Open[], step: RunStep, enforcement: Enforcement): Promise<readonly Case[]> {
  const { store, pdp } = enforcement
  const known = open.filter((each) => each.stage !== 'invalid')
  const loaded = await step('load', known, () => load(known, store))
  const undecided = at('loaded', loaded)
  const single = undecided.filter((each) => !isCollection(each))
  const decided = single.length > 0 ? await step('decide', single, () => decide(single, pdp)) : []
  const collections = undecided.filter(isCollection)
  const examined =
    collections.length > 0 ? await step('examine', collections, () => examine(collections, enforcement)) : []
  const cases = [...at('invalid', open), ...loaded, ...decided, ...examined]
  const judged = [...at('judged', cases), ...at('invalid', cases)]
  const committed = judged.length > 0 ? await step('commit', judged, () => commit(judged, store)) : []
  return [...at('ended', cases), ...committed]
}
