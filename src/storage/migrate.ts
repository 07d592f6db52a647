import { sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { Failure } from '../domain/failure.ts'
import type { Database, PostgresOptions } from './database.ts'
import * as ledgerAndAudit from './migrations/0001-ledger-and-audit.ts'
import * as documents from './migrations/0002-documents.ts'
import * as policyActivations from './migrations/0003-policy-activations.ts'
import * as undecidedRows from './migrations/0004-undecided-rows.ts'
import * as personalApart from './migrations/0005-personal-apart.ts'
import * as trailTree from './migrations/0006-trail-tree.ts'
import { openFit } from './postgres-fitness.ts'
import { storeFailure } from './store-failure.ts'

/** Every migration, in order. Append; never edit one that has landed. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-ledger-and-audit': ledgerAndAudit,
  '0002-documents': documents,
  '0003-policy-activations': policyActivations,
  '0004-undecided-rows': undecidedRows,
  '0005-personal-apart': personalApart,
  '0006-trail-tree': trailTree,
}

/** Those of an update sort before those that a deployment has added for types of its own. */
const TABLES = {
  allowUnorderedMigrations: true,
  migrationTableSchema: 'jobwarden',
  migrationTableName: 'migrations',
  migrationLockTableName: 'migrations_lock',
}

/**
 * Brings the database up to date and returns the names of the migrations it applied.
 * Needs a user that may create schemas and roles.
 * @throws Failure JW_STORE_* with the migration that failed; it is rolled back
 */
export async function migrate(db: Database, migrations = MIGRATIONS): Promise<string[]> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) }, ...TABLES })
  const { error, results = [] } = await migrator.migrateToLatest()
  const failed = results.find(({ status }) => status === 'Error')
  if (error !== undefined) {
    throw storeFailure(error, `migration ${failed?.migrationName ?? 'set-up'}`)
  }
  await sql`grant usage on schema jobwarden to jobwarden_authorizer, jobwarden_auditor, jobwarden_reader`.execute(db)
  await sql`grant select on jobwarden.migrations to jobwarden_authorizer, jobwarden_auditor, jobwarden_reader`.execute(
    db,
  )
  return results.map(({ migrationName }) => migrationName)
}

/**
 * Makes sure that the database has every migration, as a worker does at start.
 * @throws Failure JW_STORE_REJECTED that names the missing ones and the command to run
 */
export async function requireMigrated(db: Database, migrations = MIGRATIONS): Promise<void> {
  const { rows: tables } = await sql<{ found: boolean }>`
    select to_regclass('jobwarden.migrations') is not null as found`.execute(db)
  const applied = tables[0]?.found
    ? (await sql<{ name: string }>`select name from jobwarden.migrations`.execute(db)).rows.map(({ name }) => name)
    : []
  const missing = Object.keys(migrations).filter((name) => !applied.includes(name))
  if (missing.length > 0)
    throw new Failure('JW_STORE_REJECTED', `the database lacks ${missing.join(', ')}; run \`npx jobwarden migrate\``)
}

/**
 * Opens a PostgreSQL that is fit and has every migration.
 * @throws Failure as `openFit` and `requireMigrated`; then the pool is closed again
 */
export async function openMigrated(options: PostgresOptions): Promise<Database> {
  const database = await openFit(options)
  try {
    await requireMigrated(database)
    return database
  } catch (error) {
    await database.destroy()
    throw storeFailure(error, `open the database as ${options.role ?? 'its user'}`)
  }
}
