import { type RawBuilder, sql } from 'kysely'
import type { ColumnMasks } from '../../domain/column-masks.ts'
import { type ResourceType, keyKindOf } from '../../domain/resource-type.ts'
import type { CollectionEntry, DecidedRow } from '../../enforcement/ports/command-store.ts'
import { assignments } from './commit-statement.ts'
import { columnsJson, hasVersionSql, tableSql } from './column-sql.ts'
import { LEDGER_COLUMNS, LEDGER_RECORD, ledgerColumnsOf, ledgerRow } from './ledger-row.ts'

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
  const kind = sql.raw(keyKindOf(type))
  const record = JSON.stringify(ledgerRow(entry, entry.outcome))
  const decided = JSON.stringify(rows.map((row) => ({ ...row, masks: masksOf(row, type) })))
  const lock = action === 'read' ? sql`` : sql`for update of r`
  return sql`
    with entry as materialized (
      select * from jsonb_to_record(${record}::jsonb) as e(${sql.raw(LEDGER_RECORD)})
    ), fresh as materialized (
      select where not exists (select from ledger.commands l where l.id = ${entry.commandId})
    ), decided as materialized (
      select d.key, d.version, d.masks
        from fresh, jsonb_to_recordset(${decided}::jsonb) as d(key ${kind}, version bigint, masks jsonb)
    ), held as materialized (
      select d.key, d.version, ${shown(entry, type)} as row
        from decided d join ${sql.raw(tableSql(type))} r on ${key} = d.key and ${sql.raw(hasVersionSql(type, 'r', 'd.version'))}
       order by ${key} ${lock}
    ), changed as materialized (
      select d.key from decided d where d.key not in (select h.key from held h)
    ), ready as materialized (
      select from fresh where ${leaveOutChanged}::boolean or not exists (select from changed)
    ), ${effect(entry, type)}, ended as (
      select e.detail || jsonb_build_object('count', (select count(*) from affected))
             || ${rowsOfRead(entry)} || ${leftOut(entry)} as detail
        from ready, entry e
    ), recorded as (
      insert into ledger.commands (${sql.raw(LEDGER_COLUMNS)}, effect)
      select ${sql.raw(ledgerColumnsOf('ended.detail'))}, ${action !== 'read'}::boolean
        from ended, entry e
      returning detail - 'rows' as detail
    )
    select (select detail from recorded) as detail, (select jsonb_agg(c.key::text) from changed c) as changed from fresh`
}

function effect({ action, patch }: CollectionEntry, type: ResourceType): Sql {
  const table = sql.raw(tableSql(type))
  const same = sql`${sql.ref(`r.${type.key}`)} = h.key and ${sql.raw(hasVersionSql(type, 'r', 'h.version'))} and exists (select from ready)`
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
