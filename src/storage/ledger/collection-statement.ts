import { type RawBuilder, sql } from 'kysely'
import type { ColumnMasks } from '../../domain/column-masks.ts'
import type { ResourceType } from '../../domain/resource-type.ts'
import type { CollectionEntry, DecidedRow } from '../../enforcement/ports/command-store.ts'
import { assignments } from './commit-statement.ts'
import { columnsJson } from './load-statement.ts'

type Sql = RawBuilder<unknown>

/**
 * The one statement of a command on a collection: the rows that were allowed, each at the version that was decided on.
 * Its single row has the outcome's `detail`, or in `changed` the keys of rows that have another version by now; no row
 * means that the command is recorded already.
 *
 * - `held` are the rows that still are what was decided. For an update or delete it locks them in key order, so that two
 *   statements cannot wait for each other; who waited for a lock sees the newer version and leaves the row out.
 * - `ended` is empty while rows have changed, unless those are to be left out: then nothing is done or recorded.
 */
export function collectionStatement(entry: CollectionEntry, type: ResourceType): Sql {
  const { action, rows, leaveOutChanged } = entry
  const key = sql.ref(`r.${type.key}`)
  const decided = JSON.stringify(rows.map((row) => ({ ...row, masks: masksOf(row, type) })))
  const lock = action === 'read' ? sql`` : sql`for update of r`
  return sql`
    with fresh as materialized (
      select where not exists (select from ledger.commands l where l.id = ${entry.commandId})
    ), decided as materialized (
      select d.key, d.version, d.masks
        from fresh, jsonb_to_recordset(${decided}::jsonb) as d(key text, version bigint, masks jsonb)
    ), held as materialized (
      select d.key, d.version, ${shown(entry, type)} as row
        from decided d join ${sql.raw(type.table)} r on ${key} = d.key and r.version = d.version
       order by d.key ${lock}
    ), changed as materialized (
      select d.key from decided d where d.key not in (select h.key from held h)
    ), ready as materialized (
      select from fresh where ${leaveOutChanged}::boolean or not exists (select from changed)
    ), ${effect(entry, type)}, ended as (
      select ${JSON.stringify(entry.outcome)}::jsonb || jsonb_build_object('count', (select count(*) from affected))
             || ${rowsOfRead(entry)} || ${leftOut(entry)} as detail
        from ready
    ), recorded as (
      insert into ledger.commands (id, command_digest, producer, queue, user_id, user_role, action, resource_type,
        request, outcome, effect, detail, policy_revision, input_digest, trace_id, issued_at, expires_at)
      select ${entry.commandId}, ${entry.commandDigest}, ${entry.producer}, ${entry.queue}, ${entry.user.id},
        ${entry.user.role}, ${action}, ${entry.resourceType}, ${JSON.stringify(entry.request)}::jsonb,
        'executed', ${action !== 'read'}::boolean, detail, ${entry.outcome.policyRevision},
        ${entry.inputDigest ?? null}, ${entry.traceId ?? null}, ${entry.issuedAt}::timestamptz,
        ${entry.expiresAt}::timestamptz
        from ended
      returning detail - 'rows' as detail
    )
    select (select detail from recorded) as detail, (select jsonb_agg(c.key) from changed c) as changed from fresh`
}

function effect({ action, patch }: CollectionEntry, type: ResourceType): Sql {
  const table = sql.raw(type.table)
  const same = sql`${sql.ref(`r.${type.key}`)} = h.key and r.version = h.version and exists (select from ready)`
  switch (action) {
    case 'read':
      return sql`affected as (select h.key from held h)`
    case 'update':
      return sql`affected as (
        update ${table} r set ${sql.raw(assignments(type))}
          from held h, (select ${JSON.stringify(patch ?? {})}::jsonb as patch) e
         where ${same} returning h.key)`
    case 'delete':
      return sql`affected as (delete from ${table} r using held h where ${same} returning h.key)`
    default:
      return action satisfies never
  }
}

function rowsOfRead({ action }: CollectionEntry): Sql {
  return action === 'read'
    ? sql`jsonb_build_object('rows', (select coalesce(jsonb_agg(h.row order by h.key), '[]') from held h))`
    : sql`'{}'::jsonb`
}

const KEPT_CHANGING = { code: 'stale', message: 'some of its rows changed between decision and effect, time and again' }

/** Rows that have changed once too often join those on which the policies gave no answer. */
function leftOut({ outcome: { undecided = 0, reasons = [] }, leaveOutChanged }: CollectionEntry): Sql {
  if (!leaveOutChanged) return sql`'{}'::jsonb`
  return sql`case when exists (select from changed) then jsonb_build_object(
      'undecided', ${undecided}::int + (select count(*) from changed),
      'reasons', ${JSON.stringify([...reasons, KEPT_CHANGING])}::jsonb)
    else '{}'::jsonb end`
}

function masksOf({ masks = {} }: DecidedRow, type: ResourceType): ColumnMasks {
  return Object.fromEntries(Object.entries(masks).filter(([column]) => column in type.columns))
}

/** The row as its reader may see it; masked values never leave the database. */
function shown({ action }: CollectionEntry, type: ResourceType): Sql {
  if (action !== 'read') return sql`null::jsonb`
  return sql`${sql.raw(columnsJson(type, 'r', Object.keys(type.columns)))} || d.masks`
}
