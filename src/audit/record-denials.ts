import { Failure } from '../domain/failure.ts'
import type { AuditTrail } from './audit-trail.ts'

/** The result of an audit job: its denial is in the trail. */
export type Recorded = { readonly recorded: true }

/**
 * Appends a batch of audit jobs to the trail, in one statement, and answers in their order.
 * A job that names no denial of the ledger fails, because the queue cannot say what was denied.
 */
export async function recordDenials(
  jobs: readonly { readonly jobId: string }[],
  trail: AuditTrail,
): Promise<readonly (Recorded | Failure)[]> {
  const recorded = await trail.append(jobs.map(({ jobId }) => jobId))
  return jobs.map(({ jobId }) =>
    recorded.has(jobId)
      ? { recorded: true }
      : new Failure('JW_AUDIT_UNKNOWN', `the ledger has no denial "${jobId.slice(0, 80)}"`),
  )
}
