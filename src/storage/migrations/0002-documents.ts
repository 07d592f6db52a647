import { type Kysely, sql } from 'kysely'

/** The shipped resource type. A table of resources has a text key, a `version` and the authorizer's grants. */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    create table resources.documents (
      id text primary key,
      name text not null,
      owner text not null,
      department text not null,
      data text,
      version bigint not null default 1
    )`.execute(db)
  await sql`grant select, update, delete on resources.documents to jobwarden_authorizer`.execute(db)
}
