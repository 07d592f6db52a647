import { type ResourceType, type ResourceTypes, keyKindOf } from '../../domain/resource-type.ts'
import { columnsJson, tableSql, versionSql } from './column-sql.ts'

/**
 * The text of the one query that loads a batch. Its parameter is a JSON array of {command_id, type, resource_id};
 * its rows come in the same order. An id that is no key of its type must be null: PostgreSQL could not cast it.
 */
export function loadStatement(types: ResourceTypes): string {
  const resources = [...types.values()].map(
    (type) => `when '${type.name}' then (select ${resourceJson(type, 'd')} from ${tableSql(type)} d
        where d."${type.key}" = r.resource_id::${keyKindOf(type)})`,
  )
  return `
    select l.command_digest, l.detail - 'rows' as detail, case r.type ${resources.join('\n      ')} end as resource
      from rows from (jsonb_to_recordset($1::jsonb) as (command_id text, type text, resource_id text))
           with ordinality as r(command_id, type, resource_id, position)
      left join ledger.commands l on l.id = r.command_id
     order by r.position`
}

function resourceJson(type: ResourceType, alias: string): string {
  const row = columnsJson(type, alias, Object.keys(type.columns))
  return `jsonb_build_object('version', ${versionSql(type, alias)}, 'row', ${row})`
}
