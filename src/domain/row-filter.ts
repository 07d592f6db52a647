/** A value that a policy compares an attribute with. Numbers are exact: past 2^53 they travel as strings. */
export type FilterValue = string | number | boolean | null

export type Comparison = 'eq' | 'ne' | 'lt' | 'lte' | 'gt' | 'gte'
export type TextTest = 'startswith' | 'endswith' | 'contains'

/** What an attribute is compared with: a value that the policies know, or another attribute of the same row. */
export type Operand = { readonly value: FilterValue } | { readonly attribute: string }

/**
 * A condition on one row, with the meaning it has in Rego and not in SQL: a comparison with a missing attribute is
 * false and its negation true; there is no third value. Values of different types compare by type:
 * null < boolean < number < string. `has` says that a list of texts has this one in it.
 */
export type Condition =
  | { readonly op: Comparison; readonly attribute: string; readonly operand: Operand }
  | { readonly op: TextTest | 'has'; readonly attribute: string; readonly text: string }
  | { readonly op: 'in'; readonly attribute: string; readonly values: readonly FilterValue[] }
  | { readonly op: 'present'; readonly attribute: string }
  | { readonly op: 'and' | 'or'; readonly conditions: readonly Condition[] }
  | { readonly op: 'not'; readonly condition: Condition }

/**
 * Rows among which those are that the policies let a user act on. It may select too many and never too few: it narrows
 * a scan, and the decision on each row decides. Three kinds, so that no truthiness test can confuse them.
 */
export type RowFilter =
  | { readonly kind: 'none' }
  | { readonly kind: 'all' }
  | { readonly kind: 'where'; readonly condition: Condition }

/** No row. */
export const NONE: RowFilter = { kind: 'none' }
/** Every row. */
export const ALL: RowFilter = { kind: 'all' }

/** Rows that all of the filters select. */
export function allOf(filters: readonly RowFilter[]): RowFilter {
  const conditions: Condition[] = []
  for (const filter of filters) {
    if (filter.kind === 'none') return NONE
    if (filter.kind === 'where') conditions.push(...parts(filter.condition, 'and'))
  }
  return join('and', conditions, ALL)
}

/** Rows that any of the filters selects. */
export function anyOf(filters: readonly RowFilter[]): RowFilter {
  const conditions: Condition[] = []
  for (const filter of filters) {
    if (filter.kind === 'all') return ALL
    if (filter.kind === 'where') conditions.push(...parts(filter.condition, 'or'))
  }
  return join('or', asMemberships(conditions), NONE)
}

/** Several equalities of one attribute become one membership: a list of a thousand ids is one condition, not a thousand. */
function asMemberships(conditions: readonly Condition[]): readonly Condition[] {
  const values = new Map<string, Set<FilterValue>>()
  const others: Condition[] = []
  for (const condition of conditions) {
    const found = membershipOf(condition)
    if (found === undefined) others.push(condition)
    else {
      const set = values.get(found.attribute) ?? new Set()
      for (const value of found.values) set.add(value)
      values.set(found.attribute, set)
    }
  }
  const memberships = [...values].map(([attribute, set]): Condition => {
    const [only, ...more] = set
    return only !== undefined && more.length === 0
      ? { op: 'eq', attribute, operand: { value: only } }
      : { op: 'in', attribute, values: [...set] }
  })
  return [...memberships, ...others]
}

function membershipOf(condition: Condition): { attribute: string; values: readonly FilterValue[] } | undefined {
  if (condition.op === 'in') return condition
  if (condition.op !== 'eq' || !('value' in condition.operand)) return undefined
  return { attribute: condition.attribute, values: [condition.operand.value] }
}

/** Rows that the filter does not select. */
export function negate(filter: RowFilter): RowFilter {
  switch (filter.kind) {
    case 'none':
      return ALL
    case 'all':
      return NONE
    case 'where':
      return filter.condition.op === 'not'
        ? { kind: 'where', condition: filter.condition.condition }
        : { kind: 'where', condition: { op: 'not', condition: filter.condition } }
    default:
      return filter satisfies never
  }
}

function parts(condition: Condition, op: 'and' | 'or'): readonly Condition[] {
  return condition.op === op ? condition.conditions : [condition]
}

/** Joins conditions, each once, and leaves out what another one of them makes superfluous (absorption). */
function join(op: 'and' | 'or', conditions: readonly Condition[], empty: RowFilter): RowFilter {
  const other = op === 'and' ? 'or' : 'and'
  const byText = new Map(conditions.map((condition) => [textOf(condition), condition]))
  const alone = new Set(byText.keys())
  const kept = [...byText.values()].filter(
    (condition) => condition.op !== other || !condition.conditions.some((part) => alone.has(textOf(part))),
  )
  const [only] = kept
  if (only === undefined) return empty
  return { kind: 'where', condition: kept.length === 1 ? only : { op, conditions: kept } }
}

function textOf(condition: Condition): string {
  return JSON.stringify(condition)
}
