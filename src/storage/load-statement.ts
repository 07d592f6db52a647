import type { ColumnKind, ResourceType, ResourceTypes } from '../resources/resource-type.ts'

/**
 * The text of the one query that loads a batch. Its parameter is a JSON array of {command_id, type, resource_id};
 * its rows come in the same order. Names come from declarations that `declareResourceTypes` has validated.
 */
export function loadStatement(types: ResourceTypes): string {
  const resources = [...types.values()].map(
    (type) => `when '${type.name}' then (select ${resourceJson(type, 'd')} from ${type.table} d
        where d."${type.key}" = r.resource_id)`,
  )
  return `
    select l.command_digest, l.detail, case r.type ${resources.join('\n      ')} end as resource
      from rows from (jsonb_to_recordset($1::jsonb) as (command_id text, type text, resource_id text))
           with ordinality as r(command_id, type, resource_id, position)
      left join ledger.commands l on l.id = r.command_id
     order by r.position`
}

function resourceJson(type: ResourceType, alias: string): string {
  return `jsonb_build_object('version', ${alias}.version::text, 'row', ${rowJson(type, alias)})`
}

/** SQL that makes one JSON object of a type's declared columns. */
export function rowJson(type: ResourceType, alias: string): string {
  const members = Object.entries(type.columns).map(([name, kind]) => `'${name}', ${columnJson(alias, name, kind)}`)
  return `jsonb_build_object(${members.join(', ')})`
}

function columnJson(alias: string, name: string, kind: ColumnKind): string {
  return kind === 'bigint' ? `${alias}."${name}"::text` : `${alias}."${name}"`
}
