import { type Kysely, sql } from 'kysely'

/** Which policies took effect, when, and who signed them. A bundle that is pushed again is a record of its own. */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    create table audit.policy_activations (
      seq bigint generated always as identity primary key,
      bundle text not null,
      revision text not null,
      digest text not null,
      signed_by text not null,
      author text,
      commit text,
      committed_at timestamptz,
      pushed_at timestamptz not null,
      pushed_by text not null,
      first_seen_at timestamptz not null,
      first_seen_by text not null,
      recorded_at timestamptz not null default clock_timestamp(),
      unique (bundle, revision, digest, pushed_at)
    )`.execute(db)
  await sql`grant select on audit.policy_activations to jobwarden_auditor, jobwarden_reader`.execute(db)
  await sql`grant insert on audit.policy_activations to jobwarden_auditor`.execute(db)
}
