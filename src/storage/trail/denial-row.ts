import { z } from 'zod'
import { ACTIONS } from '../../domain/command.ts'
import type { Denial } from '../../domain/denial.ts'
import { AUDITED_OUTCOMES } from '../../domain/outcome.ts'
import { Reason } from '../../domain/reason.ts'

/** The columns that a denial of the ledger and a record of the trail share. */
export const DENIAL_COLUMNS = `id, outcome, reasons, user_id, user_role, action, resource_type, resource_id, producer,
  queue, job_id, policy_revision, input_digest, trace_id`

export const DenialRow = z.object({
  id: z.string(),
  outcome: z.enum(AUDITED_OUTCOMES),
  reasons: z.array(Reason).min(1),
  user_id: z.string().nullable(),
  user_role: z.string().nullable(),
  action: z.enum(ACTIONS).nullable(),
  resource_type: z.string().nullable(),
  resource_id: z.string().nullable(),
  producer: z.string().nullable(),
  queue: z.string(),
  job_id: z.string(),
  policy_revision: z.string().nullable(),
  input_digest: z.string().nullable(),
  trace_id: z.string().nullable(),
})
export type DenialRow = z.infer<typeof DenialRow>

/** The row as the denial that travels on the audit queue. */
export function toDenial(row: DenialRow): Denial {
  return {
    id: row.id,
    outcome: row.outcome,
    reasons: row.reasons,
    ...(row.user_id !== null && { userId: row.user_id }),
    ...(row.action !== null && { action: row.action }),
    ...(row.resource_type !== null && { resourceType: row.resource_type }),
    ...(row.resource_id !== null && { resourceId: row.resource_id }),
    ...(row.policy_revision !== null && { policyRevision: row.policy_revision }),
  }
}
