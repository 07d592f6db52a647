import type { ColumnKind, ResourceType, ResourceTypes } from '../../domain/resource-type.ts'

const SQL_TYPE = { text: 'text', integer: 'integer', bigint: 'bigint', boolean: 'boolean' } as const satisfies Record<
  ColumnKind,
  string
>

/** Members of $1, one object a command, with their SQL types. */
const ENTRY = `id text, command_digest text, producer text, queue text, user_id text, user_role text, action text,
  resource_type text, resource_id text, request jsonb, outcome text, detail jsonb, policy_revision text, input_digest text,
  trace_id text, issued_at timestamptz, expires_at timestamptz, effect text, version bigint, patch jsonb`

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
      select e.* from jsonb_to_recordset($1::jsonb) as e(${ENTRY})
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
      insert into ledger.commands (id, command_digest, producer, queue, user_id, user_role, action, resource_type,
        resource_id, request, outcome, effect, detail, policy_revision, input_digest, trace_id, issued_at, expires_at)
      select e.id, e.command_digest, e.producer, e.queue, e.user_id, e.user_role, e.action, e.resource_type,
        e.resource_id, e.request, e.outcome, e.effect is not null, e.detail, e.policy_revision, e.input_digest, e.trace_id,
        e.issued_at, e.expires_at
        from entry e
       where e.effect is null or e.id in (select id from affected)
      returning id
    )
    select id from recorded`
}

function effects(type: ResourceType): string {
  const { name, table, key } = type
  return `locked_${name} as materialized (
      select e.id, e.effect, e.patch, r."${key}" as key, r.version
        from entry e join ${table} r on r."${key}" = e.resource_id and r.version = e.version
       where e.effect is not null and e.resource_type = '${name}'
       order by r."${key}" for update of r
    ), updated_${name} as (
      update ${table} r set ${assignments(type)}
        from locked_${name} e
       where e.effect = 'update' and r."${key}" = e.key and r.version = e.version
      returning e.id
    ), deleted_${name} as (
      delete from ${table} r using locked_${name} e
       where e.effect = 'delete' and r."${key}" = e.key and r.version = e.version
      returning e.id
    )`
}

/** Reads the patch from `e.patch`. A column that it does not name keeps its value; one that it names null becomes null. */
export function assignments(type: ResourceType): string {
  const columns = Object.keys(type.patch.shape).map((column) => {
    const value = `(e.patch->>'${column}')::${SQL_TYPE[type.columns[column] ?? 'text']}`
    return `"${column}" = case when e.patch ? '${column}' then ${value} else r."${column}" end`
  })
  return [...columns, 'version = r.version + 1'].join(', ')
}
