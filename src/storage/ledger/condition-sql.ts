import { type RawBuilder, sql } from 'kysely'
import type { WhereValue } from '../../domain/command.ts'
import type { Comparison, Condition, FilterValue, RowFilter } from '../../domain/row-filter.ts'
import { orderSatisfies, typeRank } from '../../domain/row-matches.ts'
import type { ColumnKind, ResourceType } from '../../domain/resource-type.ts'

type Sql = RawBuilder<unknown>

/** The rank of a column's values in Rego's order of types. A bigint is a string outside the database. */
const RANK = { boolean: 1, integer: 2, text: 3, bigint: 3 } as const satisfies Record<ColumnKind, number>

const OPERATOR = {
  eq: sql`=`,
  ne: sql`<>`,
  lt: sql`<`,
  lte: sql`<=`,
  gt: sql`>`,
  gte: sql`>=`,
} as const satisfies Record<Comparison, Sql>

/** The rows of table alias `r` that the filter selects: the same as the policies' own decisions would allow. */
export function filterSql(filter: RowFilter, type: ResourceType): Sql {
  switch (filter.kind) {
    case 'none':
      return sql`false`
    case 'all':
      return sql`true`
    case 'where':
      return conditionSql(filter.condition, type)
    default:
      return filter satisfies never
  }
}

/** The rows that a producer's `where` selects. Here null means "has no value", as a producer expects. */
export function whereSql(where: Readonly<Record<string, WhereValue>>, type: ResourceType): Sql {
  const parts = Object.entries(where).map(([column, value]) => {
    if (value === null) return sql`${reference(column)} is null`
    const values = Array.isArray(value) ? value : [value]
    return conditionSql({ op: 'in', column, values }, type)
  })
  return parts.length === 0 ? sql`true` : sql`(${sql.join(parts, sql` and `)})`
}

/**
 * A comparison with a column that has no value is null in SQL, and counts as false as long as nothing negates it; so
 * only `not` has to say what null means. Everything else stays a plain comparison that an index can serve.
 */
function conditionSql(condition: Condition, type: ResourceType): Sql {
  switch (condition.op) {
    case 'and':
    case 'or': {
      const separator = condition.op === 'and' ? sql` and ` : sql` or `
      const parts = condition.conditions.map((part) => conditionSql(part, type))
      return sql`(${sql.join(parts, separator)})`
    }
    case 'not':
      return sql`(${conditionSql(condition.condition, type)}) is not true`
    case 'present':
      return sql`${reference(condition.column)} is not null`
    case 'in':
      return inSql(condition.column, condition.values, type)
    case 'startswith':
    case 'endswith':
    case 'contains':
      return textSql(condition.op, condition.column, condition.text, type)
    case 'eq':
    case 'ne':
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte':
      return 'column' in condition.operand
        ? columnsSql(condition.op, condition.column, condition.operand.column, type)
        : valueSql(condition.op, condition.column, condition.operand.value, type)
    default:
      return condition satisfies never
  }
}

function valueSql(op: Comparison, column: string, value: FilterValue, type: ResourceType): Sql {
  const kind = kindOf(column, type)
  const rank = typeRank(value)
  if (RANK[kind] !== rank) return byRank(op, RANK[kind] - rank, [column])
  return compared(op, expression(column, kind), literal(value), rank)
}

function columnsSql(op: Comparison, left: string, right: string, type: ResourceType): Sql {
  const kinds = [kindOf(left, type), kindOf(right, type)] as const
  const rank = RANK[kinds[0]]
  if (rank !== RANK[kinds[1]]) return byRank(op, rank - RANK[kinds[1]], [left, right])
  return compared(op, expression(left, kinds[0]), expression(right, kinds[1]), rank)
}

/** Values of different types compare by their types, so all that matters is that they are there. */
function byRank(op: Comparison, sign: number, columns: readonly string[]): Sql {
  if (!orderSatisfies(op, sign)) return sql`false`
  return sql`(${sql.join(
    columns.map((column) => sql`${reference(column)} is not null`),
    sql` and `,
  )})`
}

/** Strings are equal under any collation when their bytes are, but Rego orders them by bytes: collation "C". */
function compared(op: Comparison, left: Sql, right: Sql, rank: number): Sql {
  const ordered = op !== 'eq' && op !== 'ne'
  return rank === RANK.text && ordered
    ? sql`${left} collate "C" ${OPERATOR[op]} ${right}`
    : sql`${left} ${OPERATOR[op]} ${right}`
}

function inSql(column: string, values: readonly FilterValue[], type: ResourceType): Sql {
  const kind = kindOf(column, type)
  const same = values.filter((value) => typeRank(value) === RANK[kind])
  if (same.length === 0) return sql`false`
  if (kind === 'text' || kind === 'bigint') {
    const list = sql`array(select jsonb_array_elements_text(${JSON.stringify(same)}::jsonb))`
    return sql`${expression(column, kind)} = any(${list})`
  }
  return sql`(${sql.join(
    same.map((value) => valueSql('eq', column, value, type)),
    sql` or `,
  )})`
}

/** Functions instead of LIKE: `%`, `_` and `\` in a value mean themselves. */
function textSql(op: 'startswith' | 'endswith' | 'contains', column: string, text: string, type: ResourceType): Sql {
  const kind = kindOf(column, type)
  if (RANK[kind] !== RANK.text) return sql`false`
  const left = expression(column, kind)
  switch (op) {
    case 'startswith':
      return sql`starts_with(${left}, ${text}::text)`
    case 'endswith':
      return sql`right(${left}, length(${text}::text)) = ${text}::text`
    case 'contains':
      return sql`strpos(${left}, ${text}::text) > 0`
    default:
      return op satisfies never
  }
}

function expression(column: string, kind: ColumnKind): Sql {
  return kind === 'bigint' ? sql`${reference(column)}::text` : reference(column)
}

function reference(column: string): Sql {
  return sql.ref(`r.${column}`)
}

/** Whole numbers as bigint, so that an index on an integer column serves; others as numeric. */
function literal(value: FilterValue): Sql {
  if (typeof value === 'number') return Number.isInteger(value) ? sql`${value}::bigint` : sql`${value}::numeric`
  return typeof value === 'boolean' ? sql`${value}::boolean` : sql`${value}::text`
}

/** Only declared columns reach SQL; admission and the translation of filters let no other through. */
function kindOf(column: string, type: ResourceType): ColumnKind {
  const kind = type.columns[column]
  if (kind === undefined) throw new Error(`the type "${type.name}" declares no column "${column}"`)
  return kind
}
