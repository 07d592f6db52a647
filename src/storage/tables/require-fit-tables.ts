import { sql } from 'kysely'
import { Failure } from '../../domain/failure.ts'
import type { ResourceTypes } from '../../domain/resource-type.ts'
import type { Database } from '../database.ts'
import { storeFailure } from '../store-failure.ts'
import { tableFindings } from './findings.ts'
import { inspectTable } from './inspect-table.ts'

/**
 * Makes sure that the table of every type serves as it is declared, as a worker does before it takes a command.
 * @throws Failure JW_STORE_UNFIT that says all of what is wrong; JW_STORE_UNAVAILABLE
 */
export async function requireFitTables(db: Database, types: ResourceTypes): Promise<void> {
  const role = await currentRole(db)
  const faults: string[] = []
  for (const type of types.values()) {
    const findings = tableFindings(type, await inspectTable(db, type.table, role), role)
    faults.push(
      ...findings
        .filter(({ severity }) => severity === 'fault')
        .map(({ what }) => `resource type "${type.name}": ${what}`),
    )
  }
  if (faults.length > 0)
    throw new Failure(
      'JW_STORE_UNFIT',
      `${faults.join('\n  ')}\n  \`npx jobwarden resources check\` tells the SQL that mends it`,
    )
}

async function currentRole(db: Database): Promise<string> {
  try {
    const { rows } = await sql<{ role: string }>`select current_user::text as role`.execute(db)
    return rows[0]?.role ?? ''
  } catch (error) {
    throw storeFailure(error, 'ask who this is')
  }
}
