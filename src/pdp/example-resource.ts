import type { Condition, FilterValue, RowFilter } from '../domain/row-filter.ts'
import { JSON_TYPE } from '../resources/resource-type.ts'
import type { FilterRequest } from './pdp.ts'

/**
 * The attributes of a resource that has what the filter says must be equal: on it the policies get furthest. A value
 * that a column cannot hold is left out: no resource has it, and what the policies made of it would say nothing.
 */
export function exampleResource(
  filter: RowFilter,
  { type, columns }: FilterRequest,
): Readonly<Record<string, unknown>> {
  const values = new Map(filter.kind === 'where' ? equalities(filter.condition) : [])
  const attributes: Record<string, unknown> = {}
  for (const [attribute, { name, kind }] of columns) {
    const value = values.get(name)
    if (typeof value === JSON_TYPE[kind]) attributes[attribute] = value
  }
  return { ...attributes, type }
}

function equalities(condition: Condition): [string, FilterValue][] {
  if (condition.op === 'and' || condition.op === 'or') return condition.conditions.flatMap(equalities)
  if (condition.op === 'in') return condition.values.slice(0, 1).map((value) => [condition.column, value])
  return condition.op === 'eq' && 'value' in condition.operand ? [[condition.column, condition.operand.value]] : []
}
