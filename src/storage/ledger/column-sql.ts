import type { ColumnKind } from '../../domain/column-kind.ts'
import { type Attribute, type ResourceType, SYSTEM_GUARD, guardOf } from '../../domain/resource-type.ts'

// Names come from declarations that `declareResourceTypes` has validated: none of them holds a quote.

/** The table, quoted. */
export function tableSql({ table }: ResourceType): string {
  return table
    .split('.')
    .map((part) => `"${part}"`)
    .join('.')
}

/** A row's version, as the text that decisions and effects carry. */
export function versionSql(type: ResourceType, alias: string): string {
  return `${alias}."${guardOf(type)}"::text`
}

/** Whether a row still has a version, which is a bigint. An `xid` has no cast to a number but by its text. */
export function hasVersionSql(type: ResourceType, alias: string, version: string): string {
  const guard = guardOf(type)
  return guard === SYSTEM_GUARD ? `${alias}.xmin::text::bigint = ${version}` : `${alias}."${guard}" = ${version}`
}

/**
 * A column's value as the text that policies see: moments in UTC with microseconds, so that texts sort as moments do.
 * "infinity" has no digits to write, and years before the first are marked.
 */
export function textSql(reference: string, kind: ColumnKind): string {
  switch (kind) {
    case 'text':
      return reference
    case 'timestamptz':
      return (
        `(case when isfinite(${reference}) then to_char(${reference} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') ` +
        `|| case when ${reference} < '0001-01-01T00:00:00Z'::timestamptz then ' BC' else '' end else ${reference}::text end)`
      )
    case 'date':
      return (
        `(case when isfinite(${reference}) then to_char(${reference}::timestamp, 'YYYY-MM-DD') ` +
        `|| case when ${reference} < '0001-01-01'::date then ' BC' else '' end else ${reference}::text end)`
      )
    case 'integer':
    case 'bigint':
    case 'boolean':
    case 'uuid':
    case 'numeric':
    case 'text[]':
    case 'jsonb':
      return `${reference}::text`
    default:
      return kind satisfies never
  }
}

/** A column's value as PostgreSQL writes it into a JSON object. */
function jsonSql(reference: string, kind: ColumnKind): string {
  const isNative = kind === 'integer' || kind === 'boolean' || kind === 'text[]' || kind === 'jsonb'
  return isNative ? reference : textSql(reference, kind)
}

/** SQL that makes one JSON object of some of a type's declared columns. */
export function columnsJson({ columns }: ResourceType, alias: string, names: Iterable<string>): string {
  const members = [...names].map((name) => `'${name}', ${jsonSql(`${alias}."${name}"`, columns[name] ?? 'text')}`)
  return `jsonb_build_object(${members.join(', ')})`
}

/** An attribute of the table that stands as `r`. */
export function attributeSql({ column }: Attribute): string {
  return `r."${column}"`
}

/** The new value of a column, from the JSON object in `patch` that names it. JSON's null takes a value away. */
export function patchedSql(patch: string, column: string, kind: ColumnKind): string {
  switch (kind) {
    case 'jsonb':
      return `nullif(${patch}->'${column}', 'null'::jsonb)`
    case 'text[]':
      return (
        `case when jsonb_typeof(${patch}->'${column}') = 'array' ` +
        `then array(select jsonb_array_elements_text(${patch}->'${column}')) end`
      )
    case 'text':
    case 'integer':
    case 'bigint':
    case 'boolean':
    case 'uuid':
    case 'numeric':
    case 'timestamptz':
    case 'date':
      return `(${patch}->>'${column}')::${kind}`
    default:
      return kind satisfies never
  }
}
