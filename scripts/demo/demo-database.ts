import { sql } from 'kysely'
import { Outcome } from '../../src/domain/outcome.ts'
import type { Database } from '../../src/storage/database.ts'

/** How many documents the mixed commands are about. */
export const DOCUMENTS = 500

/** Puts the article's three resources and some more into their first state. */
export async function seed(database: Database): Promise<void> {
  await sql`
    insert into resources.documents (id, name, owner, department, data) values
      ('resource_1', 'Resource resource_1', 'user_123', 'engineering', 'sensitive information'),
      ('resource_2', 'Resource resource_2', 'user_456', 'sales', 'sensitive information'),
      ('resource_3', 'Resource resource_3', 'user_123', 'engineering', 'sensitive information')
    on conflict (id) do update set name = excluded.name, owner = excluded.owner, department = excluded.department,
      data = excluded.data`.execute(database)
  await sql`
    insert into resources.documents (id, name, owner, department, data)
    select 'demo_' || n, 'Document ' || n, (array['user_123', 'user_456'])[1 + n % 2],
           (array['engineering', 'sales'])[1 + n % 2], 'sensitive information'
      from generate_series(0, ${DOCUMENTS - 1}::int) n
    on conflict (id) do nothing`.execute(database)
}

/** The outcomes that the ledger has for the commands of a run, by command id. */
export async function outcomes(database: Database, run: string): Promise<ReadonlyMap<string, Outcome>> {
  const { rows } = await sql<{ id: string; detail: unknown }>`
    select id, detail from ledger.commands where id like ${`demo-${run}-%`}`.execute(database)
  return new Map(rows.map(({ id, detail }) => [id, Outcome.parse(detail)]))
}

/** How many of the run's denials are in the audit trail. */
export async function recordedDenials(database: Database, run: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from audit.records where id like ${`demo-${run}-%`}`.execute(database)
  return rows[0]?.count ?? 0
}
