import { z } from 'zod'
import { Reason } from './reason.ts'

/** A resource as reads return it: declared columns only. */
export const Row = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
export type Row = z.infer<typeof Row>

const reasons = z.array(Reason).min(1)
const policyRevision = z.string()

/** What became of a command. Every accepted command ends in exactly one of these. */
export const Outcome = z.discriminatedUnion('outcome', [
  /**
   * Allowed and done. `count` is how many resources were read, updated or deleted; reads carry `rows`.
   * `next` is there when a collection has more: the same command with `after: next` goes on.
   */
  z.strictObject({
    outcome: z.literal('executed'),
    count: z.int().min(0),
    rows: z.array(Row).optional(),
    next: z.string().optional(),
    policyRevision,
  }),
  /** The policies said no. */
  z.strictObject({ outcome: z.literal('denied'), reasons, policyRevision }),
  /** Not a command this worker may believe: signature, schema, size or identity. */
  z.strictObject({ outcome: z.literal('invalid'), reasons }),
  /** Past its `expiresAt` before it was decided. */
  z.strictObject({ outcome: z.literal('expired'), reasons }),
  /** The resource changed between decision and effect, three times over. */
  z.strictObject({ outcome: z.literal('stale'), reasons, policyRevision }),
  /** Allowed, but there is no such resource. A user who may not see it gets `denied` instead. */
  z.strictObject({ outcome: z.literal('not_found'), reasons, policyRevision }),
  /** Its job stalled or failed past its attempts without any of the above. */
  z.strictObject({ outcome: z.literal('dead'), reasons }),
])
export type Outcome = z.infer<typeof Outcome>
export type OutcomeName = Outcome['outcome']

/** The outcomes that auditors review: each becomes exactly one record of the audit trail. */
export const AUDITED_OUTCOMES = ['denied', 'invalid', 'expired', 'stale', 'dead'] as const
export type AuditedOutcome = (typeof AUDITED_OUTCOMES)[number]

/** Whether auditors must see this outcome. */
export function isAudited(outcome: OutcomeName): outcome is AuditedOutcome {
  return AUDITED_OUTCOMES.some((audited) => audited === outcome)
}
