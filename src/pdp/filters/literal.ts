import {
  type Comparison,
  type FilterValue,
  NONE,
  type RowFilter,
  type TextTest,
  allOf,
  anyOf,
} from '../../domain/row-filter.ts'
import type { Column } from '../../domain/resource-type.ts'
import type { Call } from './call.ts'
import { type Term, elementsOf, pathOf, scalarOf } from './rego-ast.ts'

/** The columns behind the attributes that policies may speak of. */
export type Columns = ReadonlyMap<string, Column>

/** What a literal says of a row. */
export type Meaning = {
  /** The rows for which it holds. A row that lacks one of the attributes is none of them. */
  readonly holds: RowFilter
  readonly attributes: readonly Column[]
  /** Before a `not`, OPA looks up the operands of a call first: without them neither the call nor its negation holds. */
  readonly isCall: boolean
}

const COMPARISONS: Readonly<Record<string, Comparison>> = { neq: 'ne', lt: 'lt', lte: 'lte', gt: 'gt', gte: 'gte' }
const MIRRORED = { eq: 'eq', ne: 'ne', lt: 'gt', lte: 'gte', gt: 'lt', gte: 'lte' } as const satisfies Record<
  Comparison,
  Comparison
>
const TEXT_TESTS: ReadonlySet<string> = new Set<TextTest>(['startswith', 'endswith', 'contains'])

/** The meaning of a call in columns, exact for rows that have its attributes; undefined when no condition says it. */
export function callMeaning({ operator, operands }: Call, columns: Columns): Meaning | undefined {
  const [left, right, ...more] = operands
  if (left === undefined || right === undefined || more.length > 0) return undefined
  if (operator === 'eq') return comparisonMeaning('eq', left, right, columns, false)
  const comparison = COMPARISONS[operator]
  if (comparison !== undefined) return comparisonMeaning(comparison, left, right, columns, true)
  if (operator === 'internal.member_2') return membershipMeaning(left, right, columns)
  return isTextTest(operator) ? textMeaning(operator, left, right, columns) : undefined
}

/** The meaning of an attribute that stands alone: it is there, and it is not false. */
export function attributeMeaning(term: Term, columns: Columns): Meaning | undefined {
  const column = columnOf(term, columns)
  if (column === undefined) return undefined
  const { name, kind } = column
  const holds: RowFilter =
    kind === 'boolean'
      ? { kind: 'where', condition: { op: 'eq', column: name, operand: { value: true } } }
      : present(column)
  return { holds, attributes: [column], isCall: false }
}

/** The rows that have a value in the column. */
export function present({ name }: Column): RowFilter {
  return { kind: 'where', condition: { op: 'present', column: name } }
}

function comparisonMeaning(
  op: Comparison,
  left: Term,
  right: Term,
  columns: Columns,
  isCall: boolean,
): Meaning | undefined {
  const column = columnOf(left, columns)
  if (column === undefined)
    return columnOf(right, columns) && comparisonMeaning(MIRRORED[op], right, left, columns, isCall)
  const other = columnOf(right, columns)
  if (other !== undefined) {
    const operand = { column: other.name }
    return {
      holds: { kind: 'where', condition: { op, column: column.name, operand } },
      attributes: [column, other],
      isCall,
    }
  }
  const holds = comparedWith(op, column, right)
  return holds && { holds, attributes: [column], isCall }
}

function comparedWith(op: Comparison, column: Column, known: Term): RowFilter | undefined {
  const value = scalarOf(known)
  if (value === undefined) return op === 'eq' && isComposite(known) ? NONE : undefined
  if (!isStorable(value)) return op === 'eq' ? NONE : undefined
  if (!isExact(value)) return undefined
  return { kind: 'where', condition: { op, column: column.name, operand: { value } } }
}

function membershipMeaning(element: Term, collection: Term, columns: Columns): Meaning | undefined {
  const column = columnOf(element, columns)
  const isList = collection.type === 'array' || collection.type === 'set'
  if (column === undefined || !isList) return undefined
  const each = elementsOf(collection).map((member) => comparisonMeaning('eq', element, member, columns, true))
  const known = each.flatMap((meaning) => meaning ?? [])
  if (known.length < each.length) return undefined
  const attributes = [...new Set([column, ...known.flatMap((meaning) => meaning.attributes)])]
  // A collection with a missing attribute in it is missing as a whole.
  const holds = allOf([...attributes.map(present), anyOf(known.map((meaning) => meaning.holds))])
  return {
    holds: attributes.length === 1 ? anyOf(known.map((meaning) => meaning.holds)) : holds,
    attributes,
    isCall: true,
  }
}

/** A test of text on a column that holds none is an error of the decision: the filter must not hide the row. */
function textMeaning(op: TextTest, subject: Term, part: Term, columns: Columns): Meaning | undefined {
  const column = columnOf(subject, columns)
  const text = scalarOf(part)
  if (column === undefined || typeof text !== 'string' || !isStorable(text)) return undefined
  if (column.kind !== 'text' && column.kind !== 'bigint') return undefined
  return {
    holds: { kind: 'where', condition: { op, column: column.name, text } },
    attributes: [column],
    isCall: true,
  }
}

/**
 * The attribute that `x = input.resource.a` gives to a variable. The literal holds for every row that has it, as long as
 * nothing else names the variable.
 */
export function boundAttribute({ operator, operands }: Call, columns: Columns): Column | undefined {
  const [left, right] = operands
  if (operator !== 'eq' || left === undefined || right === undefined) return undefined
  if (left.type === 'var') return columnOf(right, columns)
  return right.type === 'var' ? columnOf(left, columns) : undefined
}

/** The column behind `input.resource.<attribute>`. */
function columnOf(term: Term, columns: Columns): Column | undefined {
  const [input, resource, attribute, ...deeper] = term.type === 'ref' ? (pathOf(term)?.split('.') ?? []) : []
  if (input !== 'input' || resource !== 'resource' || attribute === undefined || deeper.length > 0) return undefined
  return columns.get(attribute)
}

function isTextTest(operator: string): operator is TextTest {
  return TEXT_TESTS.has(operator)
}

/** A composite that is known as a whole equals no column; one with a variable or a reference in it may. */
function isComposite(term: Term): boolean {
  return (
    (term.type === 'array' || term.type === 'set') && elementsOf(term).every((each) => scalarOf(each) !== undefined)
  )
}

/** PostgreSQL holds no NUL, so no column has one. */
function isStorable(value: FilterValue): boolean {
  return typeof value !== 'string' || (value.isWellFormed() && !value.includes('\0'))
}

/** OPA writes every digit; past 2^53 JavaScript reads a neighbour of the number. */
function isExact(value: FilterValue): boolean {
  return (
    typeof value !== 'number' || (Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value)))
  )
}
