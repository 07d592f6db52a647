import type { Config } from '../src/config/settings.ts'
import type { Database } from '../src/storage/database.ts'
import { openFit } from '../src/storage/postgres-fitness.ts'
import { requireDatabaseUrl } from './require-database-url.ts'

/** Lists records as the reader role sees them: as JSON lines with every column, or as `table` shows them to people. */
export async function printRecords<Row>(
  config: Config,
  json: boolean,
  list: (database: Database) => Promise<readonly Row[]>,
  table: (records: readonly Row[]) => string,
): Promise<void> {
  const database = await openFit({
    url: requireDatabaseUrl(config),
    role: 'jobwarden_reader',
    maxConnections: 1,
    timeoutMs: config.databaseTimeoutMs,
    onError: (error) => process.stderr.write(`${error.message}\n`),
  })
  try {
    const records = await list(database)
    process.stdout.write(json ? records.map((record) => `${JSON.stringify(record)}\n`).join('') : table(records))
  } finally {
    await database.destroy()
  }
}
