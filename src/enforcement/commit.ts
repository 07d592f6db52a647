import { isById } from '../domain/command.ts'
import type { Outcome } from '../domain/outcome.ts'
import type { CollectionOutcome, CommandEntry, CommandStore, LedgerEntry } from '../storage/command-store.ts'
import type { Accepted, Case, Selection, Verdict } from './case.ts'

/** How often a command may lose its resource, or a row of its collection, to another before it is given up. */
export const MAX_LOSSES = 3

type Concluded = Extract<Verdict, { outcome: Outcome }>
type Selecting = Extract<Verdict, { selection: Selection }>

/**
 * Records every verdict with its effect: those on single resources in one atomic statement, those on collections in one
 * each. A case whose guard did not hold stays open.
 */
export async function commit(cases: readonly Case[], store: CommandStore): Promise<void> {
  const concluded: { readonly open: Case; readonly verdict: Concluded }[] = []
  const selecting: { readonly open: Case; readonly accepted: Accepted; readonly verdict: Selecting }[] = []
  for (const open of cases) {
    const { verdict, accepted, settlement } = open
    if (settlement !== undefined || verdict === undefined) continue
    if ('outcome' in verdict) concluded.push({ open, verdict })
    else if (accepted !== undefined) selecting.push({ open, accepted, verdict })
  }
  if (concluded.length > 0) await commitConcluded(concluded, store)
  for (const { open, accepted, verdict } of selecting) await commitSelection(open, accepted, verdict, store)
}

async function commitConcluded(
  concluded: readonly { readonly open: Case; readonly verdict: Concluded }[],
  store: CommandStore,
): Promise<void> {
  const entries = concluded.flatMap(({ open, verdict }): LedgerEntry[] => {
    const { accepted } = open
    const { outcome, effect } = verdict
    return accepted === undefined ? [] : [{ ...commandEntry(accepted, verdict, open), outcome, effect }]
  })
  const rejections = concluded.flatMap(({ open }) => open.rejection ?? [])
  const recorded = await store.commit(entries, rejections)
  for (const { open, verdict } of concluded) {
    if (open.accepted === undefined || recorded.has(open.accepted.command.id)) open.settlement = verdict.outcome
    else reopen(open, verdict)
  }
}

/** Back to load and decide, unless the verdict did not come from the policies: then it stands as it is. */
function reopen(open: Case, { outcome, effect, inputDigest }: Concluded): void {
  if (inputDigest === undefined || !('policyRevision' in outcome)) return
  if (effect !== undefined) open.losses += 1
  open.verdict = open.losses < MAX_LOSSES ? undefined : { outcome: stale(outcome.policyRevision) }
}

function stale(policyRevision: string): Outcome {
  const message = `the resource changed between decision and effect ${MAX_LOSSES} times over`
  return { outcome: 'stale', reasons: [{ code: 'stale', message }], policyRevision }
}

/** Rows that have changed are decided again; after the last time they are left out, so that the others get their effect. */
async function commitSelection(open: Case, accepted: Accepted, verdict: Selecting, store: CommandStore): Promise<void> {
  const { selection } = verdict
  const { command } = accepted
  const end = await store.commitCollection({
    ...commandEntry(accepted, verdict, open),
    rows: selection.rows,
    outcome: outcomeOf(selection),
    leaveOutChanged: open.losses + 1 >= MAX_LOSSES,
    patch: command.action === 'update' ? command.patch : undefined,
  })
  open.verdict = undefined
  if ('outcome' in end) open.settlement = end.outcome
  else if ('changed' in end) {
    open.losses += 1
    open.reselection = { ...verdict, changed: end.changed }
  } // Otherwise it is recorded already: the next load finds its outcome.
}

function outcomeOf({ undecided, next, examined, policyRevision }: Selection): CollectionOutcome {
  const message = `the policies gave no answer on ${undecided} of its rows; they were left out`
  return {
    outcome: 'executed',
    ...(next !== undefined && { next }),
    ...(examined !== undefined && { examined }),
    ...(undecided > 0 && { undecided, reasons: [{ code: 'undecided', message }] }),
    policyRevision,
  }
}

function commandEntry(accepted: Accepted, { inputDigest }: Verdict, { delivery }: Case): CommandEntry {
  const { command, commandDigest, producer } = accepted
  const { id, user, action, resource, issuedAt, expiresAt } = command
  return {
    commandId: id,
    commandDigest,
    producer,
    queue: delivery.queue,
    user,
    action,
    resourceType: resource.type,
    resourceId: isById(resource) ? resource.id : undefined,
    request: { user, action, resource },
    issuedAt,
    expiresAt,
    inputDigest,
    traceId: delivery.trace?.traceId,
  }
}
