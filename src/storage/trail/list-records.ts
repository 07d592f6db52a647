import { z } from 'zod'
import type { Database } from '../database.ts'
import { DENIAL_COLUMNS, DenialRow } from './denial-row.ts'
import { queryRows } from '../query-rows.ts'

/**
 * A record of the audit trail. `seq` orders the trail; `occurred_at` is when the ledger recorded the denial. Once erased, a
 * record has no personal columns: user, resource id, job id, reasons and input digest are null.
 */
export const AuditRecord = DenialRow.extend({
  seq: z.coerce.string(),
  reason_codes: z.array(z.string()),
  reasons: DenialRow.shape.reasons.nullable(),
  job_id: DenialRow.shape.job_id.nullable(),
  occurred_at: z.date(),
  recorded_at: z.date(),
})
export type AuditRecord = z.infer<typeof AuditRecord>

/** Which records to list; everything given must hold. */
export type RecordFilter = {
  readonly userId?: string | undefined
  readonly resourceType?: string | undefined
  readonly resourceId?: string | undefined
  readonly outcome?: string | undefined
  /** A reason code. */
  readonly reason?: string | undefined
  readonly since?: Date | undefined
  readonly until?: Date | undefined
  readonly limit: number
}

/** Lists the newest records that match, newest first. @throws Failure JW_STORE_UNAVAILABLE | JW_STORE_REJECTED */
export function listRecords(db: Database, filter: RecordFilter): Promise<AuditRecord[]> {
  const parameters: unknown[] = []
  const conditions: string[] = []
  const where = (value: unknown, condition: (placeholder: string) => string) => {
    if (value !== undefined) conditions.push(condition(`$${parameters.push(value)}`))
  }
  where(filter.userId, (value) => `user_id = ${value}`)
  where(filter.resourceType, (value) => `resource_type = ${value}`)
  where(filter.resourceId, (value) => `resource_id = ${value}`)
  where(filter.outcome, (value) => `outcome = ${value}`)
  where(filter.reason, (value) => `reason_codes @> array[${value}::text]`)
  where(filter.since, (value) => `occurred_at >= ${value}`)
  where(filter.until, (value) => `occurred_at < ${value}`)
  const text = `select seq, reason_codes, ${DENIAL_COLUMNS}, occurred_at, recorded_at from audit.denials
    ${conditions.length > 0 ? `where ${conditions.join(' and ')}` : ''}
    order by seq desc limit $${parameters.push(filter.limit)}`
  return queryRows(db, AuditRecord, 'list the audit trail', text, parameters)
}
