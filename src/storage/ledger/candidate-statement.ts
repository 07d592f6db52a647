import { type RawBuilder, sql } from 'kysely'
import type { ResourceType } from '../../domain/resource-type.ts'
import type { CandidateRequest } from '../../enforcement/ports/command-store.ts'
import { filterSql, whereSql } from './condition-sql.ts'
import { columnsJson } from './load-statement.ts'

/**
 * The query for rows that have yet to be decided: key, version and what policies see of each, in the order of their keys.
 * The filter only narrows it.
 */
export function candidateStatement(request: CandidateRequest, type: ResourceType): RawBuilder<unknown> {
  const { where, filter, after, keys, limit } = request
  const key = sql.ref(`r.${type.key}`)
  const later = after === undefined ? sql`` : sql`and ${key} > ${after}::text`
  const named =
    keys === undefined ? sql`` : sql`and ${key} in (select jsonb_array_elements_text(${JSON.stringify(keys)}::jsonb))`
  return sql`
    select ${key} as key, r.version::text as version, ${sql.raw(columnsJson(type, 'r', type.attributes))} as attributes
      from ${sql.raw(type.table)} r
     where ${whereSql(where, type)} and ${filterSql(filter, type)} ${later} ${named}
     order by ${key} limit ${limit}`
}
