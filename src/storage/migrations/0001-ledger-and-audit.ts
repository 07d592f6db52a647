import { type Kysely, sql } from 'kysely'

/** The three schemas, the ledger, the audit trail and the three roles with exactly what each needs. */
export async function up(db: Kysely<never>): Promise<void> {
  for (const schema of ['resources', 'ledger', 'audit']) await db.schema.createSchema(schema).execute()

  await sql`
    create table ledger.commands (
      id text primary key,
      command_digest text not null,
      producer text not null,
      queue text not null,
      user_id text not null,
      user_role text not null,
      action text not null,
      resource_type text not null,
      resource_id text,
      request jsonb,
      outcome text not null
        check (outcome in ('executed', 'denied', 'expired', 'stale', 'not_found', 'dead')),
      effect boolean not null,
      detail jsonb not null,
      policy_revision text,
      input_digest text,
      trace_id text,
      issued_at timestamptz not null,
      expires_at timestamptz not null,
      recorded_at timestamptz not null default clock_timestamp(),
      constraint effect_needs_decision check (not effect or (outcome = 'executed' and input_digest is not null))
    )`.execute(db)
  await sql`
    create table ledger.rejections (
      id text primary key,
      queue text not null,
      job_id text not null,
      reasons jsonb not null,
      producer text,
      trace_id text,
      recorded_at timestamptz not null default clock_timestamp()
    )`.execute(db)
  await sql`
    create view ledger.denials as
      select id, outcome, detail->'reasons' as reasons, user_id, user_role, action, resource_type, resource_id, producer, queue,
             id as job_id, policy_revision, input_digest, trace_id, recorded_at
        from ledger.commands where outcome in ('denied', 'expired', 'stale', 'dead')
      union all
      select id, 'invalid', reasons, null, null, null, null, null, producer, queue,
             job_id, null, null, trace_id, recorded_at
        from ledger.rejections`.execute(db)
  await sql`
    create index commands_denied on ledger.commands (recorded_at)
      where outcome in ('denied', 'expired', 'stale', 'dead')`.execute(db)
  await sql`create index rejections_recorded on ledger.rejections (recorded_at)`.execute(db)

  await sql`
    create table audit.records (
      seq bigint generated always as identity primary key,
      id text not null unique,
      outcome text not null check (outcome in ('denied', 'invalid', 'expired', 'stale', 'dead')),
      reasons jsonb not null,
      user_id text,
      user_role text,
      action text,
      resource_type text,
      resource_id text,
      producer text,
      queue text not null,
      job_id text not null,
      policy_revision text,
      input_digest text,
      trace_id text,
      occurred_at timestamptz not null,
      recorded_at timestamptz not null default clock_timestamp()
    )`.execute(db)
  await sql`create index records_occurred on audit.records (occurred_at)`.execute(db)
  await sql`create index records_user on audit.records (user_id, occurred_at)`.execute(db)
  await sql`create index records_resource on audit.records (resource_type, resource_id, occurred_at)`.execute(db)

  await createRoles(db)
}

/** Roles belong to the whole server, so they may be there already, from another database. */
async function createRoles(db: Kysely<never>): Promise<void> {
  for (const role of ['jobwarden_authorizer', 'jobwarden_auditor', 'jobwarden_reader'])
    await sql`
      do $$ begin create role ${sql.raw(role)} nologin;
      exception when duplicate_object or unique_violation then null; end $$`.execute(db)
  await sql`grant usage on schema resources, ledger to jobwarden_authorizer`.execute(db)
  await sql`grant select, insert on ledger.commands, ledger.rejections to jobwarden_authorizer`.execute(db)
  await sql`grant usage on schema ledger, audit to jobwarden_auditor, jobwarden_reader`.execute(db)
  await sql`grant select on ledger.commands, ledger.rejections, ledger.denials, audit.records
    to jobwarden_auditor, jobwarden_reader`.execute(db)
  await sql`grant insert on audit.records to jobwarden_auditor`.execute(db)
}
