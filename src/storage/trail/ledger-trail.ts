import { z } from 'zod'
import type { AuditTrail, MissingDenial } from '../../audit/audit-trail.ts'
import type { Database } from '../database.ts'
import { DENIAL_COLUMNS, DenialRow, toDenial } from './denial-row.ts'
import { queryRows } from '../query-rows.ts'

const IdRow = z.object({ id: z.string() })
const MissingRow = DenialRow.extend({ recorded_at: z.date() })

const APPEND = `
  with wanted as materialized (
    select d.* from ledger.denials d where d.id in (select jsonb_array_elements_text($1::jsonb))
  ), appended as (
    insert into audit.records (id, outcome, reason_codes, action, resource_type, producer, queue, policy_revision,
      trace_id, occurred_at)
    select id, outcome, audit.reason_codes(reasons), action, resource_type, producer, queue, policy_revision, trace_id,
           recorded_at
      from wanted order by recorded_at
    on conflict (id) do nothing
    returning seq, id
  ), apart as (
    insert into audit.personal (seq, user_id, user_role, resource_id, job_id, reasons, input_digest)
    select a.seq, w.user_id, w.user_role, w.resource_id, w.job_id, w.reasons, w.input_digest
      from appended a join wanted w on w.id = a.id
  ), waiting as (
    insert into audit.pending (kind, seq) select 'denial', seq from appended order by seq
  )
  select id from wanted`

const MISSING = `
  select ${DENIAL_COLUMNS}, recorded_at from ledger.denials d
   where recorded_at >= $1 and recorded_at < $2
     and not exists (select 1 from audit.records a where a.id = d.id)
   order by recorded_at limit $3`

/** The audit trail beside the ledger it copies from. */
export class LedgerTrail implements AuditTrail {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  async append(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const rows = await queryRows(this.#db, IdRow, 'append to the trail', APPEND, [JSON.stringify(ids)])
    return new Set(rows.map(({ id }) => id))
  }

  async missing(from: Date, to: Date, limit: number): Promise<MissingDenial[]> {
    const rows = await queryRows(this.#db, MissingRow, 'look for missing denials', MISSING, [from, to, limit])
    return rows.map((row) => ({
      denial: toDenial(row),
      recordedAt: row.recorded_at,
      traceId: row.trace_id ?? undefined,
    }))
  }
}
