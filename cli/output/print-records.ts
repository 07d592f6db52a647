import type { Config } from '../../src/config/settings.ts'
import type { Database } from '../../src/storage/database.ts'
import { openFit } from '../../src/storage/postgres-fitness.ts'
import { requireDatabaseUrl } from '../../src/config/adapter-options.ts'
import { print, say } from '../../src/process/terminal.ts'
import { printableJson } from '../../src/domain/printable.ts'

/** Prints the records that `list` finds as the reader role: as JSON lines with every column, or as a `table` for people. */
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
    onError: (error) => say(error.message),
  })
  try {
    const records = await list(database)
    print(json ? records.map((record) => `${printableJson(record)}\n`).join('') : table(records))
  } finally {
    await database.destroy()
  }
}
