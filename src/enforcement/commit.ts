import type { Outcome } from '../domain/outcome.ts'
import type { CommandStore, LedgerEntry } from '../storage/command-store.ts'
import type { Accepted, Case, Verdict } from './case.ts'

/** How often a command may lose its resource to another before it is `stale`. */
export const MAX_LOSSES = 3

/** Records every verdict with its effect in one atomic statement. A case whose guard did not hold stays open. */
export async function commit(cases: readonly Case[], store: CommandStore): Promise<void> {
  const ready = cases.flatMap((open) =>
    open.settlement === undefined && open.verdict !== undefined ? [{ open, verdict: open.verdict }] : [],
  )
  if (ready.length === 0) return
  const entries = ready.flatMap(({ open, verdict }) =>
    open.accepted === undefined ? [] : [ledgerEntry(open.accepted, verdict, open)],
  )
  const rejections = ready.flatMap(({ open }) => open.rejection ?? [])
  const recorded = await store.commit(entries, rejections)
  for (const { open, verdict } of ready) {
    if (open.accepted === undefined || recorded.has(open.accepted.command.id)) open.settlement = verdict.outcome
    else reopen(open, verdict)
  }
}

/** Back to load and decide, unless the verdict did not come from the policies: then it stands as it is. */
function reopen(open: Case, { outcome, effect, inputDigest }: Verdict): void {
  if (inputDigest === undefined || !('policyRevision' in outcome)) return
  if (effect !== undefined) open.losses += 1
  open.verdict = open.losses < MAX_LOSSES ? undefined : { outcome: stale(outcome.policyRevision) }
}

function stale(policyRevision: string): Outcome {
  const message = `the resource changed between decision and effect ${MAX_LOSSES} times over`
  return { outcome: 'stale', reasons: [{ code: 'stale', message }], policyRevision }
}

function ledgerEntry(accepted: Accepted, verdict: Verdict, { delivery }: Case): LedgerEntry {
  const { command, commandDigest, producer } = accepted
  return {
    commandId: command.id,
    commandDigest,
    producer,
    queue: delivery.queue,
    user: command.user,
    action: command.action,
    resourceType: command.resource.type,
    resourceId: command.resource.id,
    issuedAt: command.issuedAt,
    expiresAt: command.expiresAt,
    inputDigest: verdict.inputDigest,
    outcome: verdict.outcome,
    effect: verdict.effect,
    traceId: delivery.trace?.traceId,
  }
}
