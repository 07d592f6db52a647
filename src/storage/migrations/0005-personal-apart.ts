import { type Kysely, sql } from 'kysely'

/**
 * Keeps the personal columns of the trail apart from its records, each record's with a salt of its own, so that they can be
 * erased while the record stays. Records that are there move into new tables: after dropping columns, their values would
 * stay in the old pages.
 */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`lock table audit.records in access exclusive mode`.execute(db)
  await sql`create temporary table moved on commit drop as select * from audit.records`.execute(db)
  await sql`drop table audit.records`.execute(db)

  await sql`
    create table audit.records (
      seq bigint generated always as identity primary key,
      id text not null unique,
      outcome text not null check (outcome in ('denied', 'invalid', 'expired', 'stale', 'dead', 'executed')),
      reason_codes text[] not null,
      action text,
      resource_type text,
      producer text,
      queue text not null,
      policy_revision text,
      trace_id text,
      occurred_at timestamptz not null,
      recorded_at timestamptz not null default clock_timestamp()
    )`.execute(db)
  // A random UUID has 122 bits that are random, so three of them have more than the 256 that a salt needs.
  await sql`
    create function audit.new_salt() returns bytea language sql volatile as $$
      select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
    $$`.execute(db)
  await sql`
    create table audit.personal (
      seq bigint primary key references audit.records on delete cascade,
      salt bytea not null default audit.new_salt() check (length(salt) = 32),
      user_id text,
      user_role text,
      resource_id text,
      job_id text not null,
      reasons jsonb not null,
      input_digest text
    )`.execute(db)
  await sql`
    create function audit.reason_codes(reasons jsonb) returns text[] language sql immutable as $$
      select array(select distinct (reason->>'code') collate "C" as code
                     from jsonb_array_elements(reasons) as each(reason) order by code limit 100)
    $$`.execute(db)

  await moveRecords(db)
  await sql`create index records_occurred on audit.records (occurred_at)`.execute(db)
  await sql`create index personal_user on audit.personal (user_id, seq)`.execute(db)
  await sql`create index personal_resource on audit.personal (resource_id, seq)`.execute(db)
  await sql`
    create view audit.denials as
      select r.seq, r.id, r.outcome, r.reason_codes, p.reasons, p.user_id, p.user_role, r.action, r.resource_type,
             p.resource_id, r.producer, r.queue, p.job_id, r.policy_revision, p.input_digest, r.trace_id,
             r.occurred_at, r.recorded_at
        from audit.records r left join audit.personal p on p.seq = r.seq`.execute(db)
  await sql`grant select on audit.records, audit.personal, audit.denials to jobwarden_auditor, jobwarden_reader`.execute(
    db,
  )
  await sql`grant insert on audit.records, audit.personal to jobwarden_auditor`.execute(db)
}

async function moveRecords(db: Kysely<never>): Promise<void> {
  await sql`
    insert into audit.records (seq, id, outcome, reason_codes, action, resource_type, producer, queue, policy_revision,
      trace_id, occurred_at, recorded_at)
    overriding system value
    select seq, id, outcome, audit.reason_codes(reasons), action, resource_type, producer, queue, policy_revision,
           trace_id, occurred_at, recorded_at
      from moved order by seq`.execute(db)
  await sql`
    insert into audit.personal (seq, user_id, user_role, resource_id, job_id, reasons, input_digest)
    select seq, user_id, user_role, resource_id, job_id, reasons, input_digest from moved order by seq`.execute(db)
  await sql`
    select setval(pg_get_serial_sequence('audit.records', 'seq'), max(seq)) from moved having max(seq) is not null`.execute(
    db,
  )
}
