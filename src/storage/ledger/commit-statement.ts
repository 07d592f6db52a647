import { type ResourceType, type ResourceTypes, SYSTEM_GUARD, guardOf, keyKindOf } from '../../domain/resource-type.ts'
import { hasVersionSql, patchedSql, tableSql } from './column-sql.ts'
import { LEDGER_COLUMNS, LEDGER_RECORD, ledgerColumnsOf } from './ledger-row.ts'

/**
 * The text of the one statement that commits a batch: claim, guarded effect and outcome, all or nothing.
 * $1 is a JSON array of entries, $2 one of rejections; the rows are the ids of the recorded commands.
 *
 * All parts see the snapshot from before the statement:
 * - `entry` leaves out what is recorded already. A claim that another worker wins meanwhile breaks the primary key,
 *   and with it the whole statement: no effect without its record.
 * - `locked` takes the row locks in key order, so that two batches cannot wait for each other, and only of rows that
 *   have the decided `version`; who waited for a lock sees the newer version and does nothing.
 * - `recorded` leaves out the entries whose effect did not happen: they are decided again.
 */
export function commitStatement(types: ResourceTypes): string {
  const declared = [...types.values()]
  return `
    with entry as materialized (
      select e.* from jsonb_to_recordset($1::jsonb) as e(${LEDGER_RECORD}, effect text, version bigint, patch jsonb)
       where not exists (select 1 from ledger.commands l where l.id = e.id)
    ), ${declared.map(effects).join(', ')}, affected as (
      ${declared.map(({ name }) => `select id from updated_${name} union all select id from deleted_${name}`).join(' union all ')}
    ), rejected as (
      insert into ledger.rejections (id, queue, job_id, reasons, producer, trace_id)
      select r.id, r.queue, r.job_id, r.reasons, r.producer, r.trace_id
        from jsonb_to_recordset($2::jsonb)
             as r(id text, queue text, job_id text, reasons jsonb, producer text, trace_id text)
      on conflict (id) do nothing
    ), recorded as (
      insert into ledger.commands (${LEDGER_COLUMNS}, effect)
      select ${ledgerColumnsOf()}, e.effect is not null
        from entry e
       where e.effect is null or e.id in (select id from affected)
      returning id
    )
    select id from recorded`
}

/** Another type's id may be no key of this table: only the types' own ids are cast. */
function effects(type: ResourceType): string {
  const { name, key } = type
  const table = tableSql(type)
  const own = `case when e.resource_type = '${name}' then e.resource_id::${keyKindOf(type)} end`
  const same = `r."${key}" = e.key and ${hasVersionSql(type, 'r', 'e.version')}`
  return `locked_${name} as materialized (
      select e.id, e.effect, e.patch, r."${key}" as key, e.version
        from entry e join ${table} r on r."${key}" = ${own} and ${hasVersionSql(type, 'r', 'e.version')}
       where e.effect is not null and e.resource_type = '${name}'
       order by r."${key}" for update of r
    ), updated_${name} as (
      update ${table} r set ${assignments(type)}
        from locked_${name} e
       where e.effect = 'update' and ${same}
      returning e.id
    ), deleted_${name} as (
      delete from ${table} r using locked_${name} e
       where e.effect = 'delete' and ${same}
      returning e.id
    )`
}

/** Reads the patch from `e.patch`. A column that it does not name keeps its value; one that it names null becomes null. */
export function assignments(type: ResourceType): string {
  const columns = Object.keys(type.patch.shape).map((column) => {
    const value = patchedSql('e.patch', column, type.columns[column] ?? 'text')
    return `"${column}" = case when e.patch ? '${column}' then ${value} else r."${column}" end`
  })
  const guard = guardOf(type)
  // PostgreSQL raises its own; a table whose rows no patch may touch needs an assignment all the same.
  const raised = guard === SYSTEM_GUARD ? `"${type.key}" = r."${type.key}"` : `"${guard}" = r."${guard}" + 1`
  return [...columns, raised].join(', ')
}
