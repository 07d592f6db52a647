import { z } from 'zod'
import { ACTIONS } from './command.ts'
import { AUDITED_OUTCOMES } from './outcome.ts'
import { Reason } from './reason.ts'

/**
 * A denial on the audit queue, with enough for an operator to read on a dashboard.
 * It only points at the ledger; the audit trail copies the ledger's own row, so a forged denial cannot enter it.
 * A field that could not be believed, such as the user of an `invalid` job, is absent.
 */
export const Denial = z.strictObject({
  /** The command's id; for `invalid` jobs, a digest of what arrived (`invalid.<hex>`). */
  id: z.string().min(1).max(128),
  outcome: z.enum(AUDITED_OUTCOMES),
  reasons: z.array(Reason).min(1),
  userId: z.string().optional(),
  action: z.enum(ACTIONS).optional(),
  resourceType: z.string().optional(),
  resourceId: z.string().optional(),
  policyRevision: z.string().optional(),
})
export type Denial = z.infer<typeof Denial>
