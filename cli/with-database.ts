import { postgresOptions, requireDatabaseUrl } from '../src/config/adapter-options.ts'
import type { Config } from '../src/config/settings.ts'
import { say } from '../src/process/terminal.ts'
import type { Database, PostgresOptions } from '../src/storage/database.ts'
import { openFit } from '../src/storage/postgres-fitness.ts'

/**
 * Runs `work` on the PostgreSQL of the settings, and closes it. Without a role, the user of the URL acts.
 * @throws Failure JW_CONFIG_INVALID without a URL, as `openFit`, and whatever `work` throws
 */
export async function withDatabase<Result>(
  config: Config,
  access: Pick<PostgresOptions, 'role' | 'readOnly'>,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  const database = await openFit({
    ...postgresOptions(config),
    ...access,
    url: requireDatabaseUrl(config),
    onError: (error) => say(error.message),
  })
  try {
    return await work(database)
  } finally {
    await database.destroy()
  }
}
