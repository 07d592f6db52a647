import type { Config } from '../../src/config/settings.ts'
import type { Database } from '../../src/storage/database.ts'
import { print } from '../../src/process/terminal.ts'
import { printableJson } from '../../src/domain/printable.ts'
import { withDatabase } from '../with-database.ts'

/** Prints the records that `list` finds as the reader role: as JSON lines with every column, or as a `table` for people. */
export async function printRecords<Row>(
  config: Config,
  json: boolean,
  list: (database: Database) => Promise<readonly Row[]>,
  table: (records: readonly Row[]) => string,
): Promise<void> {
  await withDatabase(config, { role: 'jobwarden_reader' }, async (database) => {
    const records = await list(database)
    print(json ? records.map((record) => `${printableJson(record)}\n`).join('') : table(records))
  })
}
