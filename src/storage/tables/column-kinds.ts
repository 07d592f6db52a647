import type { ColumnKind } from '../../domain/column-kind.ts'

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
