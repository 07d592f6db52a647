import { z } from 'zod'
import { PolicyRequest } from '../../domain/command.ts'
import { Outcome } from '../../domain/outcome.ts'
import type { ResourceType } from '../../domain/resource-type.ts'
import { filterSql } from './condition-sql.ts'
import type { RowFilter } from '../../domain/row-filter.ts'
import type { Database } from '../database.ts'
import { queryRows } from '../query-rows.ts'
import { sql } from 'kysely'

const RequestRow = z.object({ request: PolicyRequest, detail: Outcome, recorded_at: z.date() })

/** A recorded command: what was asked, and how it ended. */
export type RecordedRequest = {
  readonly request: PolicyRequest
  readonly outcome: Outcome
  readonly recordedAt: Date
}

/** Finds a recorded command by its id. @throws Failure JW_STORE_UNAVAILABLE | JW_STORE_REJECTED */
export async function findRequest(db: Database, id: string): Promise<RecordedRequest | undefined> {
  const text = 'select request, detail, recorded_at from ledger.commands where id = $1 and request is not null'
  const [row] = await queryRows(db, RequestRow, `find the command ${id}`, text, [id])
  return row && { request: row.request, outcome: row.detail, recordedAt: row.recorded_at }
}

/** The SQL that a filter becomes, as it stands in the WHERE of a read, update or delete. Nothing is executed. */
export function filterText(
  db: Database,
  filter: RowFilter,
  type: ResourceType,
): { readonly text: string; readonly parameters: readonly unknown[] } {
  const { sql: text, parameters } = sql`${filterSql(filter, type)}`.compile(db)
  return { text, parameters }
}
