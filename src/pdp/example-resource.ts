import type { Condition, FilterValue, RowFilter } from '../domain/row-filter.ts'
import type { FilterRequest } from './pdp.ts'

/** The attributes of a resource that has what the filter says must be equal: on it the policies get furthest. */
export function exampleResource(
  filter: RowFilter,
  { type, columns }: FilterRequest,
): Readonly<Record<string, unknown>> {
  const values = new Map(filter.kind === 'where' ? equalities(filter.condition) : [])
  const attributes: Record<string, unknown> = {}
  for (const [attribute, { name }] of columns) if (values.has(name)) attributes[attribute] = values.get(name)
  return { ...attributes, type }
}

function equalities(condition: Condition): [string, FilterValue][] {
  if (condition.op === 'and' || condition.op === 'or') return condition.conditions.flatMap(equalities)
  if (condition.op === 'in') return condition.values.slice(0, 1).map((value) => [condition.column, value])
  return condition.op === 'eq' && 'value' in condition.operand ? [[condition.column, condition.operand.value]] : []
}
