import { type RawBuilder, sql } from 'kysely'
import type { WhereValue } from '../../domain/command.ts'
import type { Comparison, Condition, FilterValue, RowFilter, TextTest } from '../../domain/row-filter.ts'
import { orderSatisfies, typeRank } from '../../domain/row-matches.ts'
import { type ColumnKind, JSON_TYPE, isWritten } from '../../domain/column-kind.ts'
import { type Attribute, type ResourceType, attributesOf } from '../../domain/resource-type.ts'
import { attributeSql, textSql } from './column-sql.ts'

type Sql = RawBuilder<unknown>

/** The rank of a kind's values in Rego's order of types; what is no scalar is compared with nothing. */
const RANK = { boolean: 1, number: 2, string: 3, array: 4, any: 5 } as const satisfies Record<
  (typeof JSON_TYPE)[ColumnKind],
  number
>

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

/**
 * The rows that a producer's `where` selects. Here null means "has no value", as a producer expects, and values are equal
 * as the column's own type has it: admission has seen that each can be cast to it.
 */
export function whereSql(where: Readonly<Record<string, WhereValue>>, type: ResourceType): Sql {
  const parts = Object.entries(where).map(([name, value]) => {
    const attribute = attributeOf(name, type)
    if (value === null) return sql`${reference(attribute)} is null`
    const cast = sql.raw(attribute.kind === 'integer' ? 'bigint' : attribute.kind)
    const values = JSON.stringify(Array.isArray(value) ? value : [value])
    return sql`${reference(attribute)} = any(array(select (jsonb_array_elements_text(${values}::jsonb))::${cast}))`
  })
  return parts.length === 0 ? sql`true` : sql`(${sql.join(parts, sql` and `)})`
}

/**
 * A comparison with an attribute that has no value is null in SQL, and counts as false as long as nothing negates it; so
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
      return presentSql(attributeOf(condition.attribute, type))
    case 'in':
      return inSql(attributeOf(condition.attribute, type), condition.values)
    case 'has':
      return hasSql(attributeOf(condition.attribute, type), condition.text)
    case 'startswith':
    case 'endswith':
    case 'contains':
      return partSql(condition.op, attributeOf(condition.attribute, type), condition.text)
    case 'eq':
    case 'ne':
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte':
      return 'attribute' in condition.operand
        ? attributesSql(
            condition.op,
            attributeOf(condition.attribute, type),
            attributeOf(condition.operand.attribute, type),
          )
        : valueSql(condition.op, attributeOf(condition.attribute, type), condition.operand.value)
    default:
      return condition satisfies never
  }
}

function valueSql(op: Comparison, attribute: Attribute, value: FilterValue): Sql {
  const rank = rankOf(attribute)
  if (rank !== typeRank(value)) return byRank(op, rank - typeRank(value), [attribute])
  if (typeof value === 'string' && op === 'eq') return equalSql(attribute, value)
  return compared(op, expression(attribute), literal(value), rank)
}

/**
 * Equality with a text, so that an index of the column serves. A value that the database would write another way equals
 * none of its own; of a numeric, "1.5" is another text than "1.50".
 */
function equalSql(attribute: Attribute, text: string): Sql {
  const { kind } = attribute
  const same = sql`${expression(attribute)} = ${text}::text`
  if (kind === 'text' || !isWritten(kind, text)) return same
  const native = sql`${reference(attribute)} = ${text}::${sql.raw(kind)}`
  return kind === 'numeric' ? sql`(${native} and ${same})` : native
}

function attributesSql(op: Comparison, left: Attribute, right: Attribute): Sql {
  const rank = rankOf(left)
  if (rank !== rankOf(right)) return byRank(op, rank - rankOf(right), [left, right])
  return compared(op, expression(left), expression(right), rank)
}

/** Values of different types compare by their types, so all that matters is that they are there. */
function byRank(op: Comparison, sign: number, attributes: readonly Attribute[]): Sql {
  if (!orderSatisfies(op, sign)) return sql`false`
  return sql`(${sql.join(attributes.map(presentSql), sql` and `)})`
}

/** Strings are equal under any collation when their bytes are, but Rego orders them by bytes: collation "C". */
function compared(op: Comparison, left: Sql, right: Sql, rank: number): Sql {
  const ordered = op !== 'eq' && op !== 'ne'
  return rank === RANK.string && ordered
    ? sql`${left} collate "C" ${OPERATOR[op]} ${right}`
    : sql`${left} ${OPERATOR[op]} ${right}`
}

function inSql(attribute: Attribute, values: readonly FilterValue[]): Sql {
  const same = values.filter((value) => typeRank(value) === rankOf(attribute))
  if (same.length === 0) return sql`false`
  if (rankOf(attribute) === RANK.string) return textsSql(attribute, same.map(String))
  return sql`(${sql.join(
    same.map((value) => valueSql('eq', attribute, value)),
    sql` or `,
  )})`
}

/** A membership in texts. One list for all of them that can be cast, so that an index of the column serves. */
function textsSql(attribute: Attribute, texts: readonly string[]): Sql {
  const { kind } = attribute
  const isCast = kind !== 'text' && kind !== 'numeric'
  const parts = [
    memberSql(
      reference(attribute),
      kind,
      texts.filter((text) => isCast && isWritten(kind, text)),
    ),
    memberSql(
      expression(attribute),
      'text',
      texts.filter((text) => !(isCast && isWritten(kind, text))),
    ),
  ].flatMap((part) => part ?? [])
  return sql`(${sql.join(parts, sql` or `)})`
}

function memberSql(left: Sql, cast: ColumnKind, texts: readonly string[]): Sql | undefined {
  if (texts.length === 0) return undefined
  const list = JSON.stringify(texts)
  return sql`${left} = any(array(select (jsonb_array_elements_text(${list}::jsonb))::${sql.raw(cast)}))`
}

/** Policies see the elements of a list in lists as lists: none of them is a text. */
function hasSql(attribute: Attribute, text: string): Sql {
  const list = reference(attribute)
  return sql`(${list}::text[] @> array[${text}::text] and array_ndims(${list}) = 1)`
}

/** Functions instead of LIKE: `%`, `_` and `\` in a value mean themselves. */
function partSql(op: TextTest, attribute: Attribute, text: string): Sql {
  if (rankOf(attribute) !== RANK.string) return sql`false`
  const left = expression(attribute)
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

/** A document that is JSON's null is a missing attribute, as a column without a value is. */
function presentSql(attribute: Attribute): Sql {
  const present = sql`${reference(attribute)} is not null`
  return attribute.kind === 'jsonb' ? sql`(${present} and ${reference(attribute)} <> 'null'::jsonb)` : present
}

/** The value as policies compare it: a text of the database's own for all that is a string in JSON. */
function expression(attribute: Attribute): Sql {
  const column = attributeSql(attribute)
  return sql.raw(rankOf(attribute) === RANK.string ? textSql(column, attribute.kind) : column)
}

function reference(attribute: Attribute): Sql {
  return sql.raw(attributeSql(attribute))
}

function rankOf({ kind }: Attribute): number {
  return RANK[JSON_TYPE[kind]]
}

/** Whole numbers as bigint, so that an index on an integer column serves; others as numeric. */
function literal(value: FilterValue): Sql {
  if (typeof value === 'number') return Number.isInteger(value) ? sql`${value}::bigint` : sql`${value}::numeric`
  return typeof value === 'boolean' ? sql`${value}::boolean` : sql`${value}::text`
}

/** Only declared attributes reach SQL; admission and the translation of filters let no other through. */
function attributeOf(name: string, type: ResourceType): Attribute {
  const attribute = attributesOf(type).get(name)
  if (attribute === undefined) throw new Error(`the type "${type.name}" declares no attribute "${name}"`)
  return attribute
}
