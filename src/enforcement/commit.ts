import { type ResourceCollection, isById } from '../domain/command.ts'
import type { Outcome } from '../domain/outcome.ts'
import type { CommandEntry, CommandStore, LedgerEntry } from '../storage/command-store.ts'
import type { Accepted, Case, Selection, Verdict } from './case.ts'

/** How often a command may lose its resource to another before it is `stale`. */
export const MAX_LOSSES = 3

type Concluded = Extract<Verdict, { outcome: Outcome }>
type Selecting = Extract<Verdict, { selection: Selection }>

/**
 * Records every verdict with its effect: those on single resources in one atomic statement, those on collections in one
 * each, for the filter is part of the statement. A case whose guard did not hold stays open.
 */
export async function commit(cases: readonly Case[], store: CommandStore, maxRows: number): Promise<void> {
  const concluded: { readonly open: Case; readonly verdict: Concluded }[] = []
  const selecting: { readonly open: Case; readonly accepted: Accepted; readonly verdict: Selecting }[] = []
  for (const open of cases) {
    const { verdict, accepted, settlement } = open
    if (settlement !== undefined || verdict === undefined) continue
    if ('outcome' in verdict) concluded.push({ open, verdict })
    else if (accepted !== undefined) selecting.push({ open, accepted, verdict })
  }
  if (concluded.length > 0) await commitConcluded(concluded, store)
  for (const { open, accepted, verdict } of selecting) {
    const entry = { ...commandEntry(accepted, verdict, open), ...rowsOf(accepted, verdict.selection), maxRows }
    open.settlement = await store.commitCollection(entry)
    open.verdict = undefined // Without a settlement it is recorded already: the next load finds its outcome.
  }
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

/** Which rows the command is about: what the producer asked for, within what the policies allow. */
function rowsOf({ command, type }: Accepted, selection: Selection) {
  const asked: Partial<ResourceCollection> = isById(command.resource) ? {} : command.resource
  const { where = {}, limit, after } = asked
  const columns = Object.entries(where).map(([name, value]) => [name === 'id' ? type.key : name, value] as const)
  const patch = command.action === 'update' ? command.patch : undefined
  return { ...selection, where: Object.fromEntries(columns), limit, after, patch }
}
