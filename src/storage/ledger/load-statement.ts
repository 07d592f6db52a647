import type { ColumnKind, ResourceType, ResourceTypes } from '../../domain/resource-type.ts'

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
    select l.command_digest, l.detail - 'rows' as detail, case r.type ${resources.join('\n      ')} end as resource
      from rows from (jsonb_to_recordset($1::jsonb) as (command_id text, type text, resource_id text))
           with ordinality as r(command_id, type, resource_id, position)
      left join ledger.commands l on l.id = r.command_id
     order by r.position`
}

function resourceJson(type: ResourceType, alias: string): string {
  return `jsonb_build_object('version', ${alias}.version::text, 'row', ${columnsJson(type, alias, Object.keys(type.columns))})`
}

/** SQL that makes one JSON object of some of a type's declared columns. */
export function columnsJson(type: ResourceType, alias: string, names: readonly string[]): string {
  const members = names.map((name) => `'${name}', ${columnJson(alias, name, type.columns[name] ?? 'text')}`)
  return `jsonb_build_object(${members.join(', ')})`
}

function columnJson(alias: string, name: string, kind: ColumnKind): string {
  return kind === 'bigint' ? `${alias}."${name}"::text` : `${alias}."${name}"`
}
