import { CompiledQuery } from 'kysely'
import { z } from 'zod'
import type { Database } from './database.ts'
import { storeFailure } from './store-failure.ts'

/**
 * Runs one statement and takes its rows as what they should be.
 * @throws Failure JW_STORE_UNAVAILABLE | JW_STORE_REJECTED
 */
export async function queryRows<Schema extends z.ZodType>(
  db: Database,
  schema: Schema,
  doing: string,
  text: string,
  parameters: readonly unknown[],
): Promise<z.infer<Schema>[]> {
  let rows: unknown
  try {
    rows = (await db.executeQuery(CompiledQuery.raw(text, [...parameters]))).rows
  } catch (error) {
    throw storeFailure(error, doing)
  }
  return z.array(schema).parse(rows)
}
