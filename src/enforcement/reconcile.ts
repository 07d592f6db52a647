import type { AuditSink } from '../audit/audit-sink.ts'
import type { Failure } from '../domain/failure.ts'
import type { Outcome } from '../domain/outcome.ts'
import type { CommandStore } from '../storage/command-store.ts'
import { type Admission, admit } from './admit.ts'
import { settlementOf } from './case.ts'
import { commit } from './commit.ts'
import type { Delivery } from '../queue/delivery.ts'
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
 * Ends commands whose jobs stalled or failed past their attempts: each becomes `dead`, unless it has an outcome
 * already. A job that cannot be believed becomes `invalid`, as it would have at delivery. Nothing is decided here.
 * Answers in the order of the deliveries; undefined for what has ended before.
 * @throws Failure of the store; then nothing was recorded
 */
export async function reconcile(
  failed: readonly DeadDelivery[],
  { admission, store, audit }: Reconciliation,
): Promise<readonly (Outcome | Failure | undefined)[]> {
  const cases = await admit(
    failed.map(({ delivery }) => delivery),
    admission,
  )
  await load(cases, store)
  const known = new Set(cases.filter(({ settlement }) => settlement !== undefined))
  for (const [index, open] of cases.entries()) {
    if (known.has(open) || open.accepted === undefined) continue
    const message = deadMessage(failed[index]?.failedReason ?? '')
    open.verdict = { outcome: { outcome: 'dead', reasons: [{ code: 'dead', message }] } }
  }
  await commit(cases, store)
  await publish(
    cases.filter((each) => !known.has(each)),
    audit,
  )
  return cases.map((each) => (known.has(each) ? undefined : settlementOf(each)))
}

function deadMessage(failedReason: string): string {
  return `its job was given up: ${failedReason}`.slice(0, 512).toWellFormed().replaceAll('\0', '\ufffd')
}
