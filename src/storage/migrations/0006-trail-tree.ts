import { type Kysely, sql } from 'kysely'

/**
 * The tree over the trail. Whatever makes a record puts it into `audit.pending` in the same statement; one auditor at a time
 * takes it from there and gives it the next index. Nothing of the tree is ever updated.
 */
export async function up(db: Kysely<never>): Promise<void> {
  const kind = sql.raw(`kind text not null check (kind in ('denial', 'activation', 'erasure', 'heartbeat'))`)
  await sql`
    create table audit.pending (
      place bigint generated always as identity primary key,
      ${kind},
      seq bigint not null,
      unique (kind, seq)
    )`.execute(db)
  await sql`
    create table audit.leaves (
      index bigint primary key check (index >= 0),
      ${kind},
      seq bigint not null,
      hash bytea not null check (length(hash) = 32),
      added_at timestamptz not null default clock_timestamp(),
      unique (kind, seq)
    )`.execute(db)
  // Each is over a full tile of the level below. Those of level 0 are the hashes of the leaves.
  await sql`
    create table audit.tile_hashes (
      level smallint not null check (level > 0),
      index bigint not null check (index >= 0),
      hash bytea not null check (length(hash) = 32),
      primary key (level, index)
    )`.execute(db)
  await sql`
    create table audit.checkpoints (
      size bigint primary key check (size > 0),
      note text not null,
      signed_at timestamptz not null default clock_timestamp()
    )`.execute(db)
  await sql`
    create table audit.heartbeats (
      seq bigint generated always as identity primary key,
      sequencer text not null,
      occurred_at timestamptz not null default clock_timestamp()
    )`.execute(db)
  await sql`
    create table audit.erasures (
      seq bigint generated always as identity primary key,
      indexes bigint[] not null,
      by text not null,
      reason text not null,
      salt bytea not null default audit.new_salt() check (length(salt) = 32),
      occurred_at timestamptz not null default clock_timestamp()
    )`.execute(db)
  // The digests that the leaf of a record has in place of its personal values, once those are erased.
  await sql`
    create table audit.erased (
      seq bigint primary key references audit.records on delete cascade,
      digests jsonb not null,
      erasure bigint not null references audit.erasures
    )`.execute(db)
  await sql`alter table audit.policy_activations
    add column salt bytea not null default audit.new_salt() check (length(salt) = 32)`.execute(db)
  await sql`
    insert into audit.pending (kind, seq)
    select kind, seq from (
      select 'denial' as kind, seq, recorded_at from audit.records
      union all
      select 'activation', seq, recorded_at from audit.policy_activations
    ) as before order by recorded_at, kind, seq`.execute(db)

  await grantRights(db)
}

async function grantRights(db: Kysely<never>): Promise<void> {
  const tree = sql.raw('audit.pending, audit.leaves, audit.tile_hashes, audit.checkpoints, audit.heartbeats')
  const erasing = sql.raw('audit.erasures, audit.erased')
  await sql`
    do $$ begin create role jobwarden_eraser nologin;
    exception when duplicate_object or unique_violation then null; end $$`.execute(db)
  await sql`grant select on ${tree}, ${erasing} to jobwarden_auditor, jobwarden_reader`.execute(db)
  await sql`grant insert on ${tree} to jobwarden_auditor`.execute(db)
  await sql`grant delete on audit.pending to jobwarden_auditor`.execute(db)
  await sql`grant usage on schema audit to jobwarden_eraser`.execute(db)
  // It reads what a leaf is made of, to make sure before the values are gone that they are those of the leaf.
  await sql`grant select on audit.records, audit.personal, audit.leaves, audit.policy_activations, audit.heartbeats,
    ${erasing} to jobwarden_eraser`.execute(db)
  await sql`grant insert on audit.pending, ${erasing} to jobwarden_eraser`.execute(db)
  await sql`grant delete on audit.personal to jobwarden_eraser`.execute(db)
}
