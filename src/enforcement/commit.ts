import { isById } from '../domain/command.ts'
import type { Outcome } from '../domain/outcome.ts'
import type { CollectionOutcome, CommandEntry, CommandStore, LedgerEntry } from './ports/command-store.ts'
import {
  type Admitted,
  type Ended,
  type Invalid,
  type Judged,
  type Selection,
  type Verdict,
  askingOf,
  at,
  endedWith,
} from './case.ts'

/** A command is given up when its resource, or a row of its collection, was changed by others this many times. */
export const MAX_LOSSES = 3

type Concluded = Judged & { readonly verdict: Extract<Verdict, { outcome: Outcome }> }
type Selecting = Judged & { readonly verdict: Extract<Verdict, { selection: Selection }> }

/**
 * Records every verdict with its effect: all those on single resources in one atomic statement, and each one on a
 * collection in its own. A case whose guard did not hold is admitted or judged again, and takes another turn.
 */
export async function commit(
  cases: readonly (Judged | Invalid)[],
  store: CommandStore,
): Promise<(Ended | Admitted | Judged)[]> {
  const judged = at('judged', cases)
  const concluded = judged.filter((open): open is Concluded => 'outcome' in open.verdict)
  const after = await commitConcluded(concluded, at('invalid', cases), store)
  for (const open of judged.filter((each): each is Selecting => 'selection' in each.verdict))
    after.push(await commitSelection(open, store))
  return after
}

async function commitConcluded(
  concluded: readonly Concluded[],
  invalid: readonly Invalid[],
  store: CommandStore,
): Promise<(Ended | Admitted | Judged)[]> {
  if (concluded.length + invalid.length === 0) return []
  const entries = concluded.map((open): LedgerEntry => {
    const { outcome, effect } = open.verdict
    return { ...commandEntry(open), outcome, effect }
  })
  const recorded = await store.commit(
    entries,
    invalid.map(({ rejection }) => rejection),
  )
  const rejected = invalid.map(
    ({ delivery, rejection, outcome }): Ended => ({
      stage: 'ended',
      delivery,
      rejection,
      end: outcome,
    }),
  )
  return [
    ...rejected,
    ...concluded.map((open) => (recorded.has(open.accepted.command.id) ? ended(open) : reopened(open))),
  ]
}

function ended(open: Concluded): Ended {
  return endedWith(open, open.verdict.outcome)
}

/** The case goes back to load and decide, unless its verdict did not come from the policies: then it stays the same. */
function reopened(open: Concluded): Admitted | Judged {
  const { delivery, accepted, verdict } = open
  const { outcome, effect, inputDigest } = verdict
  if (inputDigest === undefined || !('policyRevision' in outcome)) return open
  const losses = open.losses + (effect === undefined ? 0 : 1)
  if (losses < MAX_LOSSES) return { stage: 'admitted', delivery, accepted, losses }
  return { stage: 'judged', delivery, accepted, losses, verdict: { outcome: stale(outcome.policyRevision) } }
}

function stale(policyRevision: string): Outcome {
  const message = `the resource changed between decision and effect ${MAX_LOSSES} times`
  return { outcome: 'stale', reasons: [{ code: 'stale', message }], policyRevision }
}

/** Rows that have changed are decided again. After the last time they are left out, so that the others get their effect. */
async function commitSelection(open: Selecting, store: CommandStore): Promise<Ended | Admitted> {
  const { delivery, accepted, losses, verdict } = open
  const { command } = accepted
  const end = await store.commitCollection({
    ...commandEntry(open),
    rows: verdict.selection.rows,
    outcome: outcomeOf(verdict.selection),
    leaveOutChanged: losses + 1 >= MAX_LOSSES,
    patch: command.action === 'update' ? command.patch : undefined,
  })
  if ('outcome' in end) return endedWith(open, end.outcome)
  const again = { stage: 'admitted', delivery, accepted, losses: losses + 1 } as const
  // If the command is recorded already, the next load finds its outcome.
  return 'changed' in end ? { ...again, reselection: { ...verdict, changed: end.changed } } : again
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

function commandEntry({ accepted, verdict, delivery }: Judged): CommandEntry {
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
    request: { ...askingOf(accepted), resource },
    issuedAt,
    expiresAt,
    inputDigest: verdict.inputDigest,
    traceId: delivery.trace?.traceId,
  }
}
