import { type ResourceType, SYSTEM_GUARD, attributesOf, guardOf } from '../../domain/resource-type.ts'
import { tableSql } from '../ledger/column-sql.ts'
import { type ColumnLook, type TableLook, kindOfType } from './inspect-table.ts'

/** `fault`: commands on the type would fail, or do something else than declared. `advice`: an operator should know. */
export type TableFinding = {
  readonly severity: 'fault' | 'advice'
  /** What is wrong, as a sentence. */
  readonly what: string
  /** The SQL that mends it, or what else to do. */
  readonly remedy: string
}

type Look = { readonly type: ResourceType; readonly table: TableLook; readonly role: string }

/** Everything about a type's table that keeps it from serving as declared. */
export function tableFindings(type: ResourceType, table: TableLook | undefined, role: string): readonly TableFinding[] {
  if (table === undefined)
    return [fault(`there is no table ${type.table}`, 'name another in the declaration, or create it')]
  const look = { type, table, role }
  return [
    ...columnFindings(look),
    ...keyFindings(look),
    ...guardFindings(look),
    ...collationFindings(look),
    ...grantFindings(look),
    ...rowSecurityFindings(look),
    ...patchFindings(look),
    ...deleteFindings(look),
    ...indexFindings(look),
  ]
}

const fault = (what: string, remedy: string): TableFinding => ({ severity: 'fault', what, remedy })
const advice = (what: string, remedy: string): TableFinding => ({ severity: 'advice', what, remedy })

const alter = (type: ResourceType, change: string) => `alter table ${tableSql(type)} ${change};`

function columnOf({ columns }: TableLook, name: string): ColumnLook | undefined {
  return columns.find((column) => column.name === name)
}

function columnFindings({ type, table }: Look): TableFinding[] {
  return Object.entries(type.columns).flatMap(([name, kind]) => {
    const column = columnOf(table, name)
    if (column === undefined) return [fault(`there is no column "${name}"`, 'take it out of the declaration')]
    const real = kindOfType(column.type)
    if (real === kind) return []
    const remedy = real === undefined ? 'take it out of the declaration: no kind reads it' : `declare it as "${real}"`
    return [fault(`"${name}" is declared as "${kind}", and it is ${column.type}`, remedy)]
  })
}

function keyFindings({ type, table }: Look): TableFinding[] {
  const { key } = type
  const unique = table.indexes.some(({ columns, unique: isUnique }) => isUnique && columns.join() === key)
  const found: TableFinding[] = []
  if (!unique && table.kind !== 'v')
    found.push(
      fault(
        `no unique index on the key "${key}" alone: one id could mean two rows`,
        `create unique index concurrently on ${tableSql(type)} ("${key}");`,
      ),
    )
  if (columnOf(table, key)?.notNull === false && table.kind !== 'v')
    found.push(fault(`the key "${key}" may be null`, alter(type, `alter column "${key}" set not null`)))
  return found
}

function guardFindings({ type, table }: Look): TableFinding[] {
  const guard = guardOf(type)
  if (guard === SYSTEM_GUARD)
    return table.kind === 'r' || table.kind === 'p'
      ? []
      : [fault('only a table has "xmin", and this is none', 'name a "guard" column that every change raises')]
  const column = columnOf(table, guard)
  if (column === undefined)
    return [
      fault(
        `there is no column "${guard}" to tell that a row has changed`,
        `declare "guard": "xmin", or ${alter(type, `add column "${guard}" bigint not null default 1`)}`,
      ),
    ]
  if (!['smallint', 'integer', 'bigint'].includes(column.type))
    return [fault(`the guard "${guard}" is ${column.type}, and no whole number`, 'declare "guard": "xmin"')]
  if (!column.notNull)
    return [fault(`the guard "${guard}" may be null`, alter(type, `alter column "${guard}" set not null`))]
  return []
}

/** SQL would call two strings equal that policies tell apart. */
function collationFindings({ type, table }: Look): TableFinding[] {
  const compared = new Set([...attributesOf(type).values()].map(({ column }) => column))
  return [...compared].flatMap((name) => {
    const column = columnOf(table, name)
    if (column === undefined || column.deterministic) return []
    return [
      fault(
        `"${name}" has a collation that is not deterministic: SQL may call strings equal that policies tell apart`,
        alter(type, `alter column "${name}" type ${column.type} collate "default"`),
      ),
    ]
  })
}

function grantFindings({ type, table, role }: Look): TableFinding[] {
  const declared = [...Object.keys(type.columns), ...(guardOf(type) === SYSTEM_GUARD ? [] : [guardOf(type)])]
  const changed = [...Object.keys(type.patch.shape), ...(guardOf(type) === SYSTEM_GUARD ? [type.key] : [guardOf(type)])]
  const lacks = (names: readonly string[], may: 'mayRead' | 'mayUpdate') =>
    names.some((name) => columnOf(table, name)?.[may] === false)
  const missing = [
    ...(lacks(declared, 'mayRead') ? ['select'] : []),
    ...(lacks(changed, 'mayUpdate') ? ['update'] : []),
    ...(table.mayDelete ? [] : ['delete']),
  ]
  const schema = type.table.split('.')[0]
  const found: TableFinding[] = []
  if (!table.mayUseSchema)
    found.push(fault(`${role} may not use the schema "${schema}"`, `grant usage on schema "${schema}" to "${role}";`))
  if (missing.length > 0) {
    const rights = missing.join(', ')
    found.push(fault(`${role} may not ${rights}`, `grant ${rights} on ${tableSql(type)} to "${role}";`))
  }
  for (const reader of table.readers)
    found.push(advice(`${reader} may read the resources`, `revoke all on ${tableSql(type)} from "${reader}";`))
  return found
}

function rowSecurityFindings({ type, table, role }: Look): TableFinding[] {
  const { applies, policies } = table.rowSecurity
  if (!applies) return []
  if (policies === 0)
    return [
      fault(
        `row security hides every row from ${role}`,
        `create policy jobwarden on ${tableSql(type)} to "${role}" using (true);`,
      ),
    ]
  return [
    advice(
      `row security may hide rows from ${role}: commands on them end as not found`,
      `see that its policies let "${role}" see every row`,
    ),
  ]
}

function patchFindings({ type, table }: Look): TableFinding[] {
  return Object.keys(type.patch.shape).flatMap((name) => {
    const column = columnOf(table, name)
    if (column === undefined) return []
    const takes = (value: unknown) => type.patch.safeParse({ [name]: value }).success
    const found: TableFinding[] = []
    if (column.generated)
      found.push(fault(`a patch may touch "${name}", which PostgreSQL makes itself`, 'take it out of "patch"'))
    if (column.notNull && takes(null))
      found.push(fault(`a patch may take "${name}" away, and it is not null`, 'declare it as not "nullable"'))
    const { maxLength } = column
    if (maxLength !== null && takes('x'.repeat(maxLength + 1)))
      found.push(fault(`a patch may make "${name}" longer than it can be`, `declare "maxLength": ${maxLength}`))
    if (table.indexes.some(({ columns, unique }) => unique && columns.includes(name)))
      found.push(
        advice(
          `"${name}" has to be unique: a patch that repeats a value is tried again until its command expires`,
          'leave it to the service that owns the table',
        ),
      )
    for (const { text } of table.checks.filter(({ columns }) => columns.includes(name)))
      found.push(
        advice(
          `"${name}" is under ${text}: a patch that breaks it costs the command its attempts`,
          'let "patch" refuse such values',
        ),
      )
    return found
  })
}

function deleteFindings({ table }: Look): TableFinding[] {
  return table.referrers.map((referrer) =>
    advice(
      `${referrer} refers to its rows: the delete of one that is referred to costs the command its attempts`,
      'let a policy deny such deletes, or choose "on delete cascade" or "set null" there',
    ),
  )
}

/** Kinds whose comparisons an index of one column serves. */
const INDEXED = new Set(['text', 'uuid', 'integer', 'bigint', 'numeric', 'date', 'timestamptz'])

function indexFindings({ type, table }: Look): TableFinding[] {
  return [...attributesOf(type).values()].flatMap(({ name, column, kind }) => {
    if (name === 'id' || table.kind === 'v' || (!INDEXED.has(kind) && kind !== 'text[]')) return []
    const method = kind === 'text[]' ? 'gin' : 'btree'
    if (table.indexes.some((index) => index.method === method && index.columns[0] === column)) return []
    return [
      advice(
        `no index leads with "${column}": collections that compare it look at every row`,
        `create index concurrently on ${tableSql(type)} using ${method} ("${column}");`,
      ),
    ]
  })
}
