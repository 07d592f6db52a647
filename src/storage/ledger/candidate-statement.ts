import { type RawBuilder, sql } from 'kysely'
import { type ResourceType, attributesOf, keyKindOf } from '../../domain/resource-type.ts'
import type { CandidateRequest } from '../../enforcement/ports/command-store.ts'
import { columnsJson, tableSql, versionSql } from './column-sql.ts'
import { filterSql, whereSql } from './condition-sql.ts'

/**
 * The query for rows that have yet to be decided: key, version and what policies see of each, in the order of their keys.
 * The filter only narrows it.
 */
export function candidateStatement(request: CandidateRequest, type: ResourceType): RawBuilder<unknown> {
  const { where, filter, after, keys, limit } = request
  const key = sql.ref(`r.${type.key}`)
  const kind = sql.raw(keyKindOf(type))
  const later = after === undefined ? sql`` : sql`and ${key} > ${after}::${kind}`
  const list = JSON.stringify(keys)
  const named =
    keys === undefined
      ? sql``
      : sql`and ${key} = any(array(select (jsonb_array_elements_text(${list}::jsonb))::${kind}))`
  const seen = new Set([...attributesOf(type).values()].flatMap(({ name, column }) => (name === 'id' ? [] : [column])))
  return sql`
    select ${key}::text as key, ${sql.raw(versionSql(type, 'r'))} as version,
           ${sql.raw(columnsJson(type, 'r', seen))} as attributes
      from ${sql.raw(tableSql(type))} r
     where ${whereSql(where, type)} and ${filterSql(filter, type)} ${later} ${named}
     order by ${key} limit ${limit}`
}
