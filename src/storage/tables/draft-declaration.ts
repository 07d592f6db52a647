import { type ColumnKind, isKeyKind } from '../../domain/column-kind.ts'
import { Failure } from '../../domain/failure.ts'
import { SYSTEM_GUARD } from '../../domain/resource-type.ts'
import { type ColumnLook, type TableLook, type TableName, kindOfType } from './inspect-table.ts'

export type DraftOptions = {
  /** The name of the type; that of the table unless told. */
  readonly name?: string | undefined
  /** The columns that updates may touch. */
  readonly patch: readonly string[]
}

/** A declaration as JOBWARDEN_RESOURCES takes it, and what its author has to know of it. */
export type Draft = {
  readonly declaration: {
    readonly name: string
    readonly table: TableName
    readonly key: string
    readonly guard: string
    readonly columns: Readonly<Record<string, ColumnKind>>
    readonly attributes: readonly string[]
    readonly patch: Readonly<Record<string, Readonly<Record<string, number | boolean>>>>
  }
  readonly notes: readonly string[]
}

/** Columns that tables use to count the changes of a row. */
const GUARDS = ['version', 'lock_version', 'row_version', 'revision']
const WHOLE: ReadonlySet<string> = new Set(['smallint', 'integer', 'bigint'])
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * Drafts the declaration of a table as it is: policies see every column that no patch may touch.
 * @throws Failure JW_CONFIG_INVALID when the table has no key that can be declared, or a patch cannot touch a column
 */
export function draftDeclaration(table: TableName, look: TableLook, { name, patch }: DraftOptions): Draft {
  const notes: string[] = []
  const known = look.columns.flatMap((column) => {
    const kind = kindOfType(column.type)
    if (kind !== undefined && IDENTIFIER.test(column.name)) return [{ column, kind }]
    const why = kind === undefined ? `no kind reads ${column.type}` : 'its name needs quotes'
    notes.push(`left out "${column.name}": ${why}`)
    return []
  })
  const kinds = new Map(known.map(({ column, kind }) => [column.name, kind]))
  const key = keyOf(table, look, kinds)
  const guard = GUARDS.find((wanted) =>
    look.columns.some((column) => column.name === wanted && column.notNull && WHOLE.has(column.type)),
  )
  if (guard === undefined) notes.push('no column counts the changes of a row: PostgreSQL’s own "xmin" guards updates')
  else notes.push(`whoever changes a row has to raise "${guard}"; "guard": "xmin" needs nothing of anybody`)
  const patched = patch.map((column) => patchedColumn(table, column, known, key, guard))
  const attributes = known.flatMap(({ column: { name: attribute } }) => {
    if (attribute === key || attribute === guard || patch.includes(attribute)) return []
    if (/^[A-Za-z]/.test(attribute) && attribute !== 'id' && attribute !== 'type') return [attribute]
    notes.push(`policies cannot see "${attribute}" by its name; give it another: "attributes": {"…": "${attribute}"}`)
    return []
  })
  if (patch.length === 0) notes.push('updates may touch no column; name those that they may with --patch')
  return {
    declaration: {
      name: name ?? (table.split('.')[1] ?? '').toLowerCase().slice(0, 32),
      table,
      key,
      guard: guard ?? SYSTEM_GUARD,
      columns: Object.fromEntries(kinds),
      attributes,
      patch: Object.fromEntries(patched),
    },
    notes,
  }
}

function keyOf(table: TableName, { indexes, columns }: TableLook, kinds: ReadonlyMap<string, ColumnKind>): string {
  const unique = indexes
    .filter((index) => index.unique)
    .toSorted((left, right) => Number(right.primary) - Number(left.primary))
  for (const {
    columns: [column, ...more],
  } of unique) {
    const isNamed = column !== undefined && column !== null && more.length === 0
    if (isNamed && isKeyKind(kinds.get(column)) && columns.some((each) => each.name === column && each.notNull))
      return column
  }
  const keys = unique.map((index) => `(${index.columns.map((column) => column ?? 'an expression').join(', ')})`)
  throw new Failure(
    'JW_CONFIG_INVALID',
    `${table} has no key that a command can name: it needs one column of text, uuid, integer or bigint that is not null ` +
      `and has a unique index of its own; ${keys.length === 0 ? 'nothing is unique here' : `unique are ${keys.join(', ')}`}`,
  )
}

function patchedColumn(
  table: TableName,
  name: string,
  known: readonly { readonly column: ColumnLook; readonly kind: ColumnKind }[],
  ...kept: readonly (string | undefined)[]
): [string, Readonly<Record<string, number | boolean>>] {
  const found = known.find(({ column }) => column.name === name)
  const why =
    found === undefined
      ? `${table} has no such column that a kind reads`
      : kept.includes(name)
        ? 'it is the key, or it guards updates'
        : found.column.generated
          ? 'PostgreSQL makes it itself'
          : undefined
  if (found === undefined || why !== undefined)
    throw new Failure('JW_CONFIG_INVALID', `--patch ${name}: ${why ?? 'it cannot be changed'}`)
  const { maxLength, precision, scale, notNull, type } = found.column
  return [
    name,
    {
      ...(maxLength !== null && { maxLength }),
      ...(precision !== null && scale !== null && { precision, scale }),
      ...(type === 'smallint' && { min: -32_768, max: 32_767 }),
      ...(!notNull && { nullable: true }),
    },
  ]
}
