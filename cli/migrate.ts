import { Command } from 'commander'
import { loadConfig } from '../src/config/load-config.ts'
import { requireDatabaseUrl } from '../src/config/adapter-options.ts'
import { openPostgres } from '../src/storage/database.ts'
import { migrate } from '../src/storage/migrate.ts'
import { requireFitPostgres } from '../src/storage/postgres-fitness.ts'
import { print, say } from '../src/process/terminal.ts'

/** `jobwarden migrate`: makes schemas, tables and roles, as the owner of the database. */
export function migrateCommand(env: Readonly<Record<string, string | undefined>>): Command {
  return new Command('migrate')
    .description('bring the database of JOBWARDEN_DATABASE_URL up to date (needs a user that may create roles)')
    .action(async () => {
      const config = loadConfig(env)
      const database = openPostgres({
        url: requireDatabaseUrl(config),
        maxConnections: 1,
        timeoutMs: config.databaseTimeoutMs,
        onError: (error) => say(error.message),
      })
      try {
        await requireFitPostgres(database, { writes: true })
        const applied = await migrate(database)
        print(applied.length === 0 ? 'up to date\n' : applied.map((name) => `applied ${name}\n`).join(''))
      } finally {
        await database.destroy()
      }
    })
}
