import { z } from 'zod'
import { Reason } from './reason.ts'

/** A list or a document that the database holds; nothing here looks into it. */
const Composite = z.union([z.array(z.unknown()), z.record(z.string(), z.unknown())])

/** A resource as reads return it, with its declared columns only. */
export const Row = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null(), Composite]))
export type Row = z.infer<typeof Row>

const reasons = z.array(Reason).min(1)
const policyRevision = z.string()

/** What became of a command. Every accepted command ends in exactly one of these. */
export const Outcome = z.discriminatedUnion('outcome', [
  /**
   * Allowed and done. `count` is how many resources were read, updated or deleted; reads also have `rows`.
   * A collection that has more rows gives `next`: the same command with `after: next` goes on. `examined` is there if the
   * cap on decided rows ended the command before its limit did. `undecided` rows of a collection were left out, because the
   * policies gave no answer on them or they kept changing; then there are reasons, and auditors see the outcome.
   */
  z.strictObject({
    outcome: z.literal('executed'),
    count: z.int().min(0),
    rows: z.array(Row).optional(),
    next: z.string().optional(),
    examined: z.int().min(1).optional(),
    undecided: z.int().min(1).optional(),
    reasons: reasons.optional(),
    policyRevision,
  }),
  /** The policies said no. */
  z.strictObject({ outcome: z.literal('denied'), reasons, policyRevision }),
  /** Not a command this worker may believe: signature, schema, size or identity. */
  z.strictObject({ outcome: z.literal('invalid'), reasons }),
  /** Past its `expiresAt` before it was decided. */
  z.strictObject({ outcome: z.literal('expired'), reasons }),
  /** The resource changed between decision and effect three times. */
  z.strictObject({ outcome: z.literal('stale'), reasons, policyRevision }),
  /** Allowed, but there is no such resource. A user who may not see it gets `denied` instead. */
  z.strictObject({ outcome: z.literal('not_found'), reasons, policyRevision }),
  /** The job stalled or failed past its attempts, and the command had none of the above. */
  z.strictObject({ outcome: z.literal('dead'), reasons }),
])
export type Outcome = z.infer<typeof Outcome>
export type OutcomeName = Outcome['outcome']

/** Why a command was not executed as asked; empty if it was. */
export function reasonsOf(outcome: Outcome): readonly Reason[] {
  return ('reasons' in outcome ? outcome.reasons : undefined) ?? []
}

/** The outcome as it goes on the queue. Anybody who may add jobs can read their results, so rows stay in the ledger. */
export function withoutRows(outcome: Outcome): Outcome {
  if (outcome.outcome !== 'executed' || outcome.rows === undefined) return outcome
  const { rows: _rows, ...rest } = outcome
  return rest
}

/** The outcomes that auditors review: each becomes exactly one record of the audit trail. */
export const AUDITED_OUTCOMES = ['denied', 'invalid', 'expired', 'stale', 'dead', 'executed'] as const
export type AuditedOutcome = (typeof AUDITED_OUTCOMES)[number]

/** An outcome that auditors must see, with its reasons: something was not done as asked. */
export type Audited = Outcome & { readonly outcome: AuditedOutcome; readonly reasons: readonly Reason[] }

/** Whether auditors must see this outcome. An executed command is among them if it left rows undecided. */
export function isAudited(outcome: Outcome): outcome is Audited {
  return outcome.outcome !== 'not_found' && 'reasons' in outcome && outcome.reasons !== undefined
}
