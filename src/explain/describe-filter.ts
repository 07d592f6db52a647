import type { Comparison, Condition, FilterValue, RowFilter } from '../domain/row-filter.ts'

const SIGN = { eq: '=', ne: '≠', lt: '<', lte: '≤', gt: '>', gte: '≥' } as const satisfies Record<Comparison, string>
const VERB = { startswith: 'starts with', endswith: 'ends with', contains: 'contains' } as const

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
      return `${condition.column} has a value`
    case 'in':
      return `${condition.column} is one of ${condition.values.map(quote).join(', ')}`
    case 'startswith':
    case 'endswith':
    case 'contains':
      return `${condition.column} ${VERB[condition.op]} ${quote(condition.text)}`
    case 'eq':
    case 'ne':
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte': {
      const { operand } = condition
      return `${condition.column} ${SIGN[condition.op]} ${'column' in operand ? operand.column : quote(operand.value)}`
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
