import type { AuditSink } from './ports/denial-sink.ts'
import type { Failure } from '../domain/failure.ts'
import type { Outcome } from '../domain/outcome.ts'
import type { CommandStore } from './ports/command-store.ts'
import { type Admission, admit } from './admit.ts'
import { type Judged, type Verdict, at } from './case.ts'
import { commit } from './commit.ts'
import type { Delivery } from './ports/delivery.ts'
import { load } from './load.ts'
import { publish } from './publish.ts'

/** A delivery that no worker will take again, and why the queue gave up on it. */
export type DeadDelivery = { readonly delivery: Delivery; readonly failedReason: string }

export type Reconciliation = {
  readonly admission: Admission
  readonly store: CommandStore
  readonly audit: AuditSink
}

/**
 * Ends commands whose jobs stalled or failed past their attempts: each becomes `dead`, unless it already has an outcome.
 * A job that cannot be believed becomes `invalid`, as it would have at delivery. Nothing is decided here.
 * Answers in the order of the deliveries, with undefined for commands that had ended before.
 * @throws Failure of the store; then nothing was recorded
 */
export async function reconcile(
  failed: readonly DeadDelivery[],
  { admission, store, audit }: Reconciliation,
): Promise<readonly (Outcome | Failure | undefined)[]> {
  const admitted = await admit(
    failed.map(({ delivery }) => delivery),
    admission,
  )
  const loaded = await load(
    admitted.filter((each) => each.stage !== 'invalid'),
    store,
  )
  const reasons = new Map(failed.map(({ delivery, failedReason }) => [delivery, failedReason]))
  const dead = [...at('loaded', loaded), ...at('judged', loaded)].map((open): Judged => {
    const message = deadMessage(reasons.get(open.delivery) ?? '')
    const verdict: Verdict = { outcome: { outcome: 'dead', reasons: [{ code: 'dead', message }] } }
    return { stage: 'judged', delivery: open.delivery, accepted: open.accepted, losses: open.losses, verdict }
  })
  const recorded = at('ended', await commit([...dead, ...at('invalid', admitted), ...at('invalid', loaded)], store))
  const ends = new Map((await publish(recorded, audit)).map(({ delivery, end }) => [delivery, end]))
  return failed.map(({ delivery }) => ends.get(delivery))
}

function deadMessage(failedReason: string): string {
  return `its job was given up: ${failedReason}`.slice(0, 512).toWellFormed().replaceAll('\0', '\ufffd')
}
