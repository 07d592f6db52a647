import { type RawBuilder, sql } from 'kysely'
import type { Outcome } from '../domain/outcome.ts'
import type { ResourceType } from '../resources/resource-type.ts'
import type { CollectionEntry } from './command-store.ts'
import { assignments } from './commit-statement.ts'
import { filterSql, whereSql } from './condition-sql.ts'
import { rowJson } from './load-statement.ts'

type Sql = RawBuilder<unknown>

/**
 * The one statement of a command on a collection. Its single row has the outcome's `detail`; no row means that the
 * command is recorded already.
 *
 * - `target` finds one row more than may be taken, so that "there is more" is known. For an update or delete it locks
 *   the rows in key order; PostgreSQL evaluates WHERE again on rows that changed while it waited for a lock.
 * - nothing is changed when more rows match than one command may touch without saying so.
 */
export function collectionStatement(entry: CollectionEntry, type: ResourceType): Sql {
  const { action, limit, maxRows } = entry
  const key = sql.ref(`r.${type.key}`)
  const take = limit ?? maxRows
  const after = entry.after === undefined ? sql`` : sql`and ${key} > ${entry.after}::text`
  const lock = action === 'read' ? sql`` : sql`for update`
  const within = limit === undefined && action !== 'read' ? sql`(select n from counted) <= ${take}` : sql`true`
  return sql`
    with fresh as materialized (
      select where not exists (select from ledger.commands l where l.id = ${entry.commandId})
    ), target as materialized (
      select ${key} as key, ${maskedRow(entry, type)} as row from ${sql.raw(type.table)} r
       where exists (select from fresh) and ${whereSql(entry.where, type)} and ${filterSql(entry.filter, type)} ${after}
       order by ${key} limit ${take + 1} ${lock}
    ), counted as materialized (
      select count(*)::int as n from target
    ), taken as materialized (
      select key, row from target where ${within} order by key limit ${take}
    ), ${effect(entry, type)}, ended as (
      select case when ${within} then ${executed(entry, take)} else ${tooMany(entry)}::jsonb end as detail from fresh
    ), recorded as (
      insert into ledger.commands (id, command_digest, producer, queue, user_id, user_role, action, resource_type,
        request, outcome, effect, detail, policy_revision, input_digest, trace_id, issued_at, expires_at)
      select ${entry.commandId}, ${entry.commandDigest}, ${entry.producer}, ${entry.queue}, ${entry.user.id},
        ${entry.user.role}, ${action}, ${entry.resourceType}, ${JSON.stringify(entry.request)}::jsonb,
        detail->>'outcome', detail->>'outcome' = 'executed' and ${action !== 'read'}::boolean, detail, ${entry.policyRevision},
        ${entry.inputDigest ?? null}, ${entry.traceId ?? null}, ${entry.issuedAt}::timestamptz,
        ${entry.expiresAt}::timestamptz
        from ended
      returning detail
    )
    select detail from recorded`
}

function effect({ action, patch }: CollectionEntry, type: ResourceType): Sql {
  const table = sql.raw(type.table)
  const same = sql`${sql.ref(`r.${type.key}`)} = t.key`
  switch (action) {
    case 'read':
      return sql`affected as (select key from taken)`
    case 'update':
      return sql`affected as (
        update ${table} r set ${sql.raw(assignments(type))}
          from taken t, (select ${JSON.stringify(patch ?? {})}::jsonb as patch) e
         where ${same} returning t.key)`
    case 'delete':
      return sql`affected as (delete from ${table} r using taken t where ${same} returning t.key)`
    default:
      return action satisfies never
  }
}

function executed({ action, policyRevision }: CollectionEntry, take: number): Sql {
  const rows =
    action === 'read'
      ? sql`jsonb_build_object('rows', (select coalesce(jsonb_agg(row order by key), '[]') from taken))`
      : sql`'{}'::jsonb`
  return sql`jsonb_build_object('outcome', 'executed', 'count', (select count(*) from affected),
      'policyRevision', ${policyRevision}::text) || ${rows} ||
      case when (select n from counted) > ${take} then jsonb_build_object('next', (select max(key) from taken))
      else '{}'::jsonb end`
}

function tooMany({ maxRows, policyRevision, action }: CollectionEntry): string {
  const message = `more than ${maxRows} resources match; narrow "where", or give a "limit" to ${action} them in parts`
  const outcome: Outcome = { outcome: 'denied', reasons: [{ code: 'too_many_rows', message }], policyRevision }
  return JSON.stringify(outcome)
}

/** The row as its reader may see it; masked columns never leave the database. */
function maskedRow({ action, masks }: CollectionEntry, type: ResourceType): Sql {
  if (action !== 'read') return sql`null::jsonb`
  const values = Object.fromEntries(Object.entries(masks).filter(([column]) => column in type.columns))
  return sql`${sql.raw(rowJson(type, 'r'))} || ${JSON.stringify(values)}::jsonb`
}
