import { type Kysely, sql } from 'kysely'

/** Auditors see what was executed, too, when it left rows out on which the policies gave no answer. */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    create or replace view ledger.denials as
      select id, outcome, detail->'reasons' as reasons, user_id, user_role, action, resource_type, resource_id, producer, queue,
             id as job_id, policy_revision, input_digest, trace_id, recorded_at
        from ledger.commands
       where outcome in ('denied', 'expired', 'stale', 'dead') or (outcome = 'executed' and detail ? 'reasons')
      union all
      select id, 'invalid', reasons, null, null, null, null, null, producer, queue,
             job_id, null, null, trace_id, recorded_at
        from ledger.rejections`.execute(db)
  await sql`drop index ledger.commands_denied`.execute(db)
  await sql`
    create index commands_audited on ledger.commands (recorded_at)
      where outcome in ('denied', 'expired', 'stale', 'dead') or (outcome = 'executed' and detail ? 'reasons')`.execute(
    db,
  )
  await sql`alter table audit.records drop constraint records_outcome_check`.execute(db)
  await sql`
    alter table audit.records add constraint records_outcome_check
      check (outcome in ('denied', 'invalid', 'expired', 'stale', 'dead', 'executed'))`.execute(db)
}
