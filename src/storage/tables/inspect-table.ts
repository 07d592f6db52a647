import { z } from 'zod'
import type { ColumnKind } from '../../domain/column-kind.ts'
import type { Database } from '../database.ts'
import { queryRows } from '../query-rows.ts'

const Column = z.object({
  name: z.string(),
  /** The type without its modifiers, as `format_type` writes it; of a domain, the type below it. */
  type: z.string(),
  /** Of a varchar, in characters. */
  maxLength: z.number().nullable(),
  precision: z.number().nullable(),
  scale: z.number().nullable(),
  notNull: z.boolean(),
  /** PostgreSQL makes the value, and takes no other. */
  generated: z.boolean(),
  /** Whether equal texts are always the same bytes. */
  deterministic: z.boolean(),
  mayRead: z.boolean(),
  mayUpdate: z.boolean(),
})
const Index = z.object({
  /** The columns in their order; an expression has no name. */
  columns: z.array(z.string().nullable()),
  method: z.string(),
  /** Whether no two rows of the whole table may be equal in these columns. */
  unique: z.boolean(),
  primary: z.boolean(),
})
const TableLook = z.object({
  /** `r` a table, `p` a partitioned one, `v` a view, `f` a foreign table. */
  kind: z.string(),
  columns: z.array(Column),
  indexes: z.array(Index),
  /** Tables that refer to rows of this one, and keep them from being deleted. */
  referrers: z.array(z.string()),
  checks: z.array(z.object({ columns: z.array(z.string()), text: z.string() })),
  rowSecurity: z.object({ applies: z.boolean(), policies: z.number() }),
  mayUseSchema: z.boolean(),
  mayDelete: z.boolean(),
  /** Roles of jobwarden, besides the authorizer, that may read the table. */
  readers: z.array(z.string()),
})
export type ColumnLook = z.infer<typeof Column>
export type TableLook = z.infer<typeof TableLook>

/** A table by its name, with its schema: "public.invoices". */
export type TableName = `${string}.${string}`

const Found = z.object({ look: TableLook.nullable() })

/**
 * What the catalogue of PostgreSQL says of a table, and what a role may do there. Undefined when there is no such table.
 * Source: PostgreSQL 15, chapter 53 "System Catalogs".
 * @throws Failure JW_STORE_UNAVAILABLE | JW_STORE_REJECTED
 */
export async function inspectTable(db: Database, table: TableName, role: string): Promise<TableLook | undefined> {
  const [schema, name] = table.split('.')
  const [row] = await queryRows(db, Found, `look at ${table}`, LOOK, [schema, name, role])
  return row?.look ?? undefined
}

const LOOK = `
  with t as (
    select c.oid, c.relkind, c.relnamespace, c.relrowsecurity, c.relforcerowsecurity, c.relowner, to_regrole($3)::oid as role
      from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1::text and c.relname = $2::text
  ), typed as (
    select a.*, coalesce(nullif(y.typbasetype, 0), y.oid) as base,
           case when y.typtype = 'd' then y.typtypmod else a.atttypmod end as modifier
      from pg_attribute a join t on a.attrelid = t.oid join pg_type y on y.oid = a.atttypid
     where a.attnum > 0 and not a.attisdropped
  )
  select (select jsonb_build_object(
    'kind', t.relkind,
    'columns', (select jsonb_agg(jsonb_build_object(
        'name', a.attname,
        'type', format_type(a.base, null),
        'maxLength', case when a.base in (1043, 1042) and a.modifier >= 4 then a.modifier - 4 end,
        'precision', case when a.base = 1700 and a.modifier >= 4 then ((a.modifier - 4) >> 16) & 65535 end,
        'scale', case when a.base = 1700 and a.modifier >= 4 then (a.modifier - 4) & 2047 end,
        'notNull', a.attnotnull,
        'generated', a.attgenerated <> '' or a.attidentity = 'a',
        'deterministic', coalesce(l.collisdeterministic, true),
        'mayRead', coalesce(has_column_privilege(t.role, t.oid, a.attnum, 'select'), false),
        'mayUpdate', coalesce(has_column_privilege(t.role, t.oid, a.attnum, 'update'), false)) order by a.attnum)
      from typed a left join pg_collation l on l.oid = a.attcollation),
    'indexes', (select coalesce(jsonb_agg(jsonb_build_object(
        'columns', (select jsonb_agg(a.attname order by k.place)
          from unnest(i.indkey::int2[]) with ordinality k(attnum, place)
          left join pg_attribute a on a.attrelid = t.oid and a.attnum = k.attnum and k.attnum > 0
         where k.place <= i.indnkeyatts),
        'method', m.amname,
        'unique', i.indisunique and i.indpred is null and i.indimmediate,
        'primary', i.indisprimary)), '[]')
      from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
     where i.indrelid = t.oid and i.indisvalid),
    'referrers', (select coalesce(jsonb_agg(distinct f.conrelid::regclass::text), '[]') from pg_constraint f
     where f.contype = 'f' and f.confrelid = t.oid and f.confdeltype in ('a', 'r')),
    'checks', (select coalesce(jsonb_agg(jsonb_build_object(
        'columns', (select coalesce(jsonb_agg(a.attname), '[]') from pg_attribute a
                     where a.attrelid = t.oid and a.attnum = any(c.conkey)),
        'text', pg_get_constraintdef(c.oid))), '[]')
      from pg_constraint c where c.conrelid = t.oid and c.contype = 'c'),
    'rowSecurity', jsonb_build_object(
        'applies', t.relrowsecurity and not coalesce(o.rolsuper or o.rolbypassrls, false)
                   and (t.relforcerowsecurity or not coalesce(pg_has_role(t.role, t.relowner, 'usage'), false)),
        'policies', (select count(*) from pg_policy p
                      where p.polrelid = t.oid and (p.polroles = '{0}' or t.role = any(p.polroles)))),
    'mayUseSchema', coalesce(has_schema_privilege(t.role, t.relnamespace, 'usage'), false),
    'mayDelete', coalesce(has_table_privilege(t.role, t.oid, 'delete'), false),
    'readers', (select coalesce(jsonb_agg(r.rolname), '[]') from pg_roles r
                 where r.rolname in ('jobwarden_auditor', 'jobwarden_reader')
                   and has_table_privilege(r.oid, t.oid, 'select')))
  from t left join pg_roles o on o.oid = t.role) as look`

/** The kind that reads each type of PostgreSQL. What is not here has none. */
const KINDS: Readonly<Record<string, ColumnKind>> = {
  text: 'text',
  'character varying': 'text',
  smallint: 'integer',
  integer: 'integer',
  bigint: 'bigint',
  boolean: 'boolean',
  uuid: 'uuid',
  numeric: 'numeric',
  'timestamp with time zone': 'timestamptz',
  date: 'date',
  'text[]': 'text[]',
  'character varying[]': 'text[]',
  jsonb: 'jsonb',
}

/** The kind for a type as `format_type` writes it; undefined when no kind reads it. */
export function kindOfType(type: string): ColumnKind | undefined {
  return KINDS[type]
}
