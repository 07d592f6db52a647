import type { Comparison, Condition, FilterValue, Operand, RowFilter } from './row-filter.ts'

/** What policies see of a row: attributes that have no value are absent. */
export type Attributes = Readonly<Record<string, unknown>>

/** Whether the filter selects a row: the same answer as the policies' own decision and as the filter in SQL. */
export function rowMatches(filter: RowFilter, row: Attributes): boolean {
  switch (filter.kind) {
    case 'none':
      return false
    case 'all':
      return true
    case 'where':
      return holds(filter.condition, row)
    default:
      return filter satisfies never
  }
}

function holds(condition: Condition, row: Attributes): boolean {
  switch (condition.op) {
    case 'and':
      return condition.conditions.every((part) => holds(part, row))
    case 'or':
      return condition.conditions.some((part) => holds(part, row))
    case 'not':
      return !holds(condition.condition, row)
    case 'present':
      return row[condition.attribute] !== undefined
    case 'in':
      return condition.values.some((value) => compare('eq', scalar(row, condition.attribute), value))
    case 'startswith':
    case 'endswith':
    case 'contains': {
      const text = scalar(row, condition.attribute)
      return typeof text === 'string' && textTest(condition.op, text, condition.text)
    }
    case 'has': {
      const list = row[condition.attribute]
      return Array.isArray(list) && list.includes(condition.text)
    }
    case 'eq':
    case 'ne':
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte':
      return compare(condition.op, scalar(row, condition.attribute), operandValue(condition.operand, row))
    default:
      return condition satisfies never
  }
}

function scalar(row: Attributes, attribute: string): FilterValue | undefined {
  const value = row[attribute]
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : undefined
}

function operandValue(operand: Operand, row: Attributes): FilterValue | undefined {
  return 'attribute' in operand ? scalar(row, operand.attribute) : operand.value
}

function textTest(op: 'startswith' | 'endswith' | 'contains', text: string, part: string): boolean {
  switch (op) {
    case 'startswith':
      return text.startsWith(part)
    case 'endswith':
      return text.endsWith(part)
    case 'contains':
      return text.includes(part)
    default:
      return op satisfies never
  }
}

function compare(op: Comparison, left: FilterValue | undefined, right: FilterValue | undefined): boolean {
  if (left === undefined || right === undefined) return false
  return orderSatisfies(op, order(left, right))
}

/** Whether a comparison holds for two values that stand in the given order: negative, zero or positive. */
export function orderSatisfies(op: Comparison, sign: number): boolean {
  switch (op) {
    case 'eq':
      return sign === 0
    case 'ne':
      return sign !== 0
    case 'lt':
      return sign < 0
    case 'lte':
      return sign <= 0
    case 'gt':
      return sign > 0
    case 'gte':
      return sign >= 0
    default:
      return op satisfies never
  }
}

/** The place of a value's type in Rego's order of all values. */
export function typeRank(value: FilterValue): number {
  if (value === null) return 0
  if (typeof value === 'boolean') return 1
  return typeof value === 'number' ? 2 : 3
}

/** Rego's order: by type first; strings by their UTF-8 bytes, which JavaScript's own order is not. */
function order(left: FilterValue, right: FilterValue): number {
  if (typeof left === 'string' && typeof right === 'string')
    return Buffer.compare(Buffer.from(left), Buffer.from(right))
  if (typeof left === 'number' && typeof right === 'number') return Math.sign(left - right)
  if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right)
  return typeRank(left) - typeRank(right)
}
