import type { Comparison, Condition, FilterValue, RowFilter } from '../domain/row-filter.ts'

const SIGN = { eq: '=', ne: '≠', lt: '<', lte: '≤', gt: '>', gte: '≥' } as const satisfies Record<Comparison, string>
const VERB = { startswith: 'starts with', endswith: 'ends with', contains: 'contains', has: 'has' } as const

/** A filter in words, for people. */
export function describeFilter(filter: RowFilter): string {
  switch (filter.kind) {
    case 'none':
      return 'no row'
    case 'all':
      return 'every row'
    case 'where':
      return `rows where ${describe(filter.condition)}`
    default:
      return filter satisfies never
  }
}

function describe(condition: Condition): string {
  switch (condition.op) {
    case 'and':
    case 'or':
      return condition.conditions.map(nested).join(` ${condition.op} `)
    case 'not':
      return `not ${nested(condition.condition)}`
    case 'present':
      return `${condition.attribute} has a value`
    case 'in':
      return `${condition.attribute} is one of ${condition.values.map(quote).join(', ')}`
    case 'has':
    case 'startswith':
    case 'endswith':
    case 'contains':
      return `${condition.attribute} ${VERB[condition.op]} ${quote(condition.text)}`
    case 'eq':
    case 'ne':
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte': {
      const { operand } = condition
      return `${condition.attribute} ${SIGN[condition.op]} ${'attribute' in operand ? operand.attribute : quote(operand.value)}`
    }
    default:
      return condition satisfies never
  }
}

function nested(condition: Condition): string {
  return condition.op === 'and' || condition.op === 'or' ? `(${describe(condition)})` : describe(condition)
}

function quote(value: FilterValue): string {
  return JSON.stringify(value)
}
