import {
  type Comparison,
  type FilterValue,
  NONE,
  type RowFilter,
  type TextTest,
  allOf,
  anyOf,
} from '../../domain/row-filter.ts'
import { JSON_TYPE } from '../../domain/column-kind.ts'
import type { Attribute } from '../../domain/resource-type.ts'
import type { Call } from './call.ts'
import { type Term, elementsOf, pathOf, scalarOf } from './rego-ast.ts'

/** What policies may speak of, by name. */
export type Attributes = ReadonlyMap<string, Attribute>

/** What a literal says of a row. */
export type Meaning = {
  /** The rows for which it holds. A row that lacks one of the attributes is none of them. */
  readonly holds: RowFilter
  readonly attributes: readonly Attribute[]
  /** Before a `not`, OPA looks up the operands of a call first: without them neither the call nor its negation holds. */
  readonly isCall: boolean
}

const COMPARISONS: Readonly<Record<string, Comparison>> = { neq: 'ne', lt: 'lt', lte: 'lte', gt: 'gt', gte: 'gte' }
const MIRRORED = { eq: 'eq', ne: 'ne', lt: 'gt', lte: 'gte', gt: 'lt', gte: 'lte' } as const satisfies Record<
  Comparison,
  Comparison
>
const TEXT_TESTS: ReadonlySet<string> = new Set<TextTest>(['startswith', 'endswith', 'contains'])

/** The meaning of a call, exact for rows that have its attributes; undefined when no condition says it. */
export function callMeaning({ operator, operands }: Call, attributes: Attributes): Meaning | undefined {
  const [left, right, ...more] = operands
  if (left === undefined || right === undefined || more.length > 0) return undefined
  if (operator === 'eq') return comparisonMeaning('eq', left, right, attributes, false)
  const comparison = COMPARISONS[operator]
  if (comparison !== undefined) return comparisonMeaning(comparison, left, right, attributes, true)
  if (operator === 'internal.member_2') return membershipMeaning(left, right, attributes)
  return isTextTest(operator) ? textMeaning(operator, left, right, attributes) : undefined
}

/** The meaning of an attribute that stands alone: it is there, and it is not false. */
export function attributeMeaning(term: Term, attributes: Attributes): Meaning | undefined {
  const attribute = attributeOf(term, attributes)
  // A document may be `false`, which no condition says.
  if (attribute === undefined || attribute.kind === 'jsonb') return undefined
  const { name, kind } = attribute
  const holds: RowFilter =
    kind === 'boolean'
      ? { kind: 'where', condition: { op: 'eq', attribute: name, operand: { value: true } } }
      : present(attribute)
  return { holds, attributes: [attribute], isCall: false }
}

/** The rows that have the attribute. */
export function present({ name }: Attribute): RowFilter {
  return { kind: 'where', condition: { op: 'present', attribute: name } }
}

function comparisonMeaning(
  op: Comparison,
  left: Term,
  right: Term,
  attributes: Attributes,
  isCall: boolean,
): Meaning | undefined {
  const attribute = scalarAttributeOf(left, attributes)
  if (attribute === undefined)
    return scalarAttributeOf(right, attributes) && comparisonMeaning(MIRRORED[op], right, left, attributes, isCall)
  const other = attributeOf(right, attributes)
  if (other !== undefined) {
    if (!isScalar(other)) return undefined
    const operand = { attribute: other.name }
    return {
      holds: { kind: 'where', condition: { op, attribute: attribute.name, operand } },
      attributes: [attribute, other],
      isCall,
    }
  }
  const holds = comparedWith(op, attribute, right)
  return holds && { holds, attributes: [attribute], isCall }
}

function comparedWith(op: Comparison, { name }: Attribute, known: Term): RowFilter | undefined {
  const value = scalarOf(known)
  if (value === undefined) return op === 'eq' && isComposite(known) ? NONE : undefined
  if (!isStorable(value)) return op === 'eq' ? NONE : undefined
  if (!isExact(value)) return undefined
  return { kind: 'where', condition: { op, attribute: name, operand: { value } } }
}

function membershipMeaning(element: Term, collection: Term, attributes: Attributes): Meaning | undefined {
  const list = attributeOf(collection, attributes)
  if (list !== undefined) return elementMeaning(element, list)
  const attribute = scalarAttributeOf(element, attributes)
  const isList = collection.type === 'array' || collection.type === 'set'
  if (attribute === undefined || !isList) return undefined
  const each = elementsOf(collection).map((member) => comparisonMeaning('eq', element, member, attributes, true))
  const known = each.flatMap((meaning) => meaning ?? [])
  if (known.length < each.length) return undefined
  const named = [...new Set([attribute, ...known.flatMap((meaning) => meaning.attributes)])]
  // A collection with a missing attribute in it is missing as a whole.
  const holds = allOf([...named.map(present), anyOf(known.map((meaning) => meaning.holds))])
  return {
    holds: named.length === 1 ? anyOf(known.map((meaning) => meaning.holds)) : holds,
    attributes: named,
    isCall: true,
  }
}

/** A value that the policies know, in a list of texts. Its elements are texts and nulls. */
function elementMeaning(element: Term, list: Attribute): Meaning | undefined {
  const value = scalarOf(element)
  if (list.kind !== 'text[]' || value === undefined || value === null) return undefined
  const holds: RowFilter =
    typeof value === 'string' && isStorable(value)
      ? { kind: 'where', condition: { op: 'has', attribute: list.name, text: value } }
      : NONE
  return { holds, attributes: [list], isCall: true }
}

/**
 * The same as a loop over the list, `input.resource.members[_] == "ann"`: where nothing else names the variable, some
 * element of it is the value.
 */
export function someElement({ operator, operands }: Call, attributes: Attributes): Meaning | undefined {
  const [left, right] = operands
  if (operator !== 'eq' || left === undefined || right === undefined) return undefined
  const [looped, value] = scalarOf(left) === undefined ? [left, right] : [right, left]
  const names = looped.type === 'ref' ? elementsOf(looped) : []
  const index = names.at(-1)
  if (names.length !== 4 || index?.type !== 'var') return undefined
  const list = attributeOf({ type: 'ref', value: names.slice(0, -1) }, attributes)
  return list && elementMeaning(value, list)
}

/** A test of text on an attribute that is none is an error of the decision: the filter must not hide the row. */
function textMeaning(op: TextTest, subject: Term, part: Term, attributes: Attributes): Meaning | undefined {
  const attribute = attributeOf(subject, attributes)
  const text = scalarOf(part)
  if (attribute === undefined || typeof text !== 'string' || !isStorable(text)) return undefined
  if (JSON_TYPE[attribute.kind] !== 'string') return undefined
  return {
    holds: { kind: 'where', condition: { op, attribute: attribute.name, text } },
    attributes: [attribute],
    isCall: true,
  }
}

/**
 * The attribute that `x = input.resource.a` gives to a variable. The literal holds for every row that has it, as long as
 * nothing else names the variable.
 */
export function boundAttribute({ operator, operands }: Call, attributes: Attributes): Attribute | undefined {
  const [left, right] = operands
  if (operator !== 'eq' || left === undefined || right === undefined) return undefined
  if (left.type === 'var') return attributeOf(right, attributes)
  return right.type === 'var' ? attributeOf(left, attributes) : undefined
}

/** The attribute that `input.resource.<name>` is. */
function attributeOf(term: Term, attributes: Attributes): Attribute | undefined {
  const [input, resource, attribute, ...deeper] = term.type === 'ref' ? (pathOf(term)?.split('.') ?? []) : []
  if (input !== 'input' || resource !== 'resource' || attribute === undefined || deeper.length > 0) return undefined
  return attributes.get(attribute)
}

function scalarAttributeOf(term: Term, attributes: Attributes): Attribute | undefined {
  const attribute = attributeOf(term, attributes)
  return attribute !== undefined && isScalar(attribute) ? attribute : undefined
}

function isScalar({ kind }: Attribute): boolean {
  return kind !== 'text[]' && kind !== 'jsonb'
}

function isTextTest(operator: string): operator is TextTest {
  return TEXT_TESTS.has(operator)
}

/** A composite that is known as a whole equals no scalar; one with a variable or a reference in it may. */
function isComposite(term: Term): boolean {
  return (
    (term.type === 'array' || term.type === 'set') && elementsOf(term).every((each) => scalarOf(each) !== undefined)
  )
}

/** PostgreSQL holds no NUL, so no attribute has one. */
function isStorable(value: FilterValue): boolean {
  return typeof value !== 'string' || (value.isWellFormed() && !value.includes('\0'))
}

/** OPA writes every digit; past 2^53 JavaScript reads a neighbour of the number. */
function isExact(value: FilterValue): boolean {
  return (
    typeof value !== 'number' || (Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value)))
  )
}
