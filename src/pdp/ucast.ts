import { z } from 'zod'
import { Failure } from '../domain/failure.ts'
import { type Condition, type FilterValue, type RowFilter, allOf, anyOf, negate } from '../domain/row-filter.ts'
import { rowMatches } from '../domain/row-matches.ts'
import type { Column } from '../resources/resource-type.ts'

/** UCAST as OPA's Compile API writes it. Source: OPA manual, "Data filtering: UCAST conditions". */
const Scalar = z.union([z.string(), z.number(), z.boolean(), z.null()])
const FieldRef = z.strictObject({ field: z.string() })
const ComparisonNode = z.strictObject({
  type: z.literal('field'),
  operator: z.enum(['eq', 'ne', 'lt', 'lte', 'gt', 'gte']),
  field: z.string(),
  value: z.union([Scalar, FieldRef]),
})
type ComparisonNode = z.infer<typeof ComparisonNode>
const FieldNode = z.discriminatedUnion('operator', [
  ComparisonNode,
  z.strictObject({
    type: z.literal('field'),
    operator: z.enum(['startswith', 'endswith', 'contains']),
    field: z.string(),
    value: z.string(),
  }),
  z.strictObject({ type: z.literal('field'), operator: z.literal('in'), field: z.string(), value: z.array(Scalar) }),
])
type FieldNode = z.infer<typeof FieldNode>
type CompoundNode = { type: 'compound'; operator: 'and' | 'or' | 'not'; value: Ucast[] }
export type Ucast = FieldNode | CompoundNode

const CompoundNode: z.ZodType<CompoundNode> = z.strictObject({
  type: z.literal('compound'),
  operator: z.enum(['and', 'or', 'not']),
  get value() {
    return z.array(Ucast).min(1)
  },
})
export const Ucast: z.ZodType<Ucast> = z.union([FieldNode, CompoundNode])

/** What a filter may speak of: the type's name, and the columns behind the attributes that policies see. */
export type FilterScope = {
  readonly type: string
  /** The column behind each attribute that policies may speak of. */
  readonly columns: ReadonlyMap<string, Column>
}

/**
 * Turns OPA's conditions into a filter over declared columns. What policies would see as missing is false here too;
 * conditions on the type are decided at once.
 * @throws Failure JW_FILTER_UNSUPPORTED for what has no exact counterpart
 */
export function toRowFilter(node: Ucast, scope: FilterScope): RowFilter {
  if (node.type === 'field') return fieldFilter(node, scope)
  const { operator, value } = node
  switch (operator) {
    case 'and':
      return allOf(value.map((part) => toRowFilter(part, scope)))
    case 'or':
      return anyOf(value.map((part) => toRowFilter(part, scope)))
    case 'not':
      return negation(value, scope)
    default:
      return operator satisfies never
  }
}

/**
 * `not` of a missing attribute. `==` unifies, so `not input.resource.x == 1` holds when x is missing. Everything else
 * is a call, and OPA looks up what it is called with before the negation: `not input.resource.x < 1` then does not
 * hold, any more than `input.resource.x < 1` does. The parity test found it; OPA's translation does not tell.
 */
function negation([inner, ...more]: readonly Ucast[], scope: FilterScope): RowFilter {
  if (inner === undefined || inner.type !== 'field' || more.length > 0)
    throw new Failure('JW_FILTER_UNSUPPORTED', 'a negation of more than one condition')
  const negated = negate(fieldFilter(inner, scope))
  if (inner.operator === 'eq') return negated
  const fields = [inner.field, ...(isFieldRef(inner.value) ? [inner.value.field] : [])]
  return allOf([...fields.map((field) => presence(field, scope)), negated])
}

function presence(field: string, scope: FilterScope): RowFilter {
  const attribute = attributeOf(field)
  if (attribute === 'type') return { kind: 'all' }
  const column = scope.columns.get(attribute)?.name
  return column === undefined ? { kind: 'none' } : { kind: 'where', condition: { op: 'present', column } }
}

function isFieldRef(value: FieldNode['value']): value is z.infer<typeof FieldRef> {
  return value !== null && typeof value === 'object' && 'field' in value
}

function fieldFilter(node: FieldNode, scope: FilterScope): RowFilter {
  const attribute = attributeOf(node.field)
  if (attribute === 'type') return typeFilter(node, scope)
  const found = scope.columns.get(attribute)
  if (found === undefined) return { kind: 'none' }
  const { name: column, kind } = found
  switch (node.operator) {
    case 'in':
      return { kind: 'where', condition: { op: 'in', column, values: node.value.map(exact) } }
    case 'startswith':
    case 'endswith':
    case 'contains':
      // Decisions on single resources fail here too: OPA calls it a type error.
      if (kind !== 'text' && kind !== 'bigint')
        throw new Failure('JW_FILTER_UNSUPPORTED', `${node.operator} on ${node.field}, which is no text`)
      return { kind: 'where', condition: { op: node.operator, column, text: node.value } }
    case 'eq':
    case 'ne':
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte':
      return comparison(node.operator, column, node.value, scope)
    default:
      return node satisfies never
  }
}

function comparison(
  op: ComparisonNode['operator'],
  column: string,
  value: ComparisonNode['value'],
  scope: FilterScope,
): RowFilter {
  if (!isFieldRef(value)) return { kind: 'where', condition: { op, column, operand: { value: exact(value) } } }
  const attribute = attributeOf(value.field)
  if (attribute === 'type') return { kind: 'where', condition: { op, column, operand: { value: scope.type } } }
  const other = scope.columns.get(attribute)?.name
  return other === undefined
    ? { kind: 'none' }
    : { kind: 'where', condition: { op, column, operand: { column: other } } }
}

/** A condition on the type holds for all rows or for none. */
function typeFilter(node: FieldNode, scope: FilterScope): RowFilter {
  const condition = conditionOnType(node, scope)
  return rowMatches({ kind: 'where', condition }, { type: scope.type }) ? { kind: 'all' } : { kind: 'none' }
}

function conditionOnType(node: FieldNode, scope: FilterScope): Condition {
  switch (node.operator) {
    case 'in':
      return { op: 'in', column: 'type', values: node.value }
    case 'startswith':
    case 'endswith':
    case 'contains':
      return { op: node.operator, column: 'type', text: node.value }
    case 'eq':
    case 'ne':
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte': {
      const { value } = node
      if (isFieldRef(value))
        throw new Failure('JW_FILTER_UNSUPPORTED', `a comparison of resource.type of ${scope.type} with ${value.field}`)
      return { op: node.operator, column: 'type', operand: { value } }
    }
    default:
      return node satisfies never
  }
}

/** `resource.owner` is the attribute `owner`. Deeper paths and OPA's own variables (`__local0__`) are none. */
function attributeOf(field: string): string {
  const [unknown, attribute, ...deeper] = field.split('.')
  if (unknown !== 'resource' || attribute === undefined || !/^[A-Za-z]/.test(attribute) || deeper.length > 0)
    throw new Failure('JW_FILTER_UNSUPPORTED', `a condition on "${field}", which is not an attribute of the resource`)
  return attribute
}

/** OPA reads numbers as doubles here: past 2^53 the filter would select a neighbour of what the policy says. */
function exact(value: FilterValue): FilterValue {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    throw new Failure('JW_FILTER_UNSUPPORTED', `the number ${value} is beyond 2^53; policies compare such as strings`)
  return value
}
