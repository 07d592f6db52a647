import { ALL, NONE, type RowFilter, allOf, anyOf, negate } from '../../domain/row-filter.ts'
import type { Attribute } from '../../domain/resource-type.ts'
import type { Widening } from '../../domain/widening.ts'
import { type Call, asCall, readLiteral } from './call.ts'
import {
  type Attributes,
  type Meaning,
  attributeMeaning,
  boundAttribute,
  callMeaning,
  present,
  someElement,
} from './literal.ts'
import { type Expr, type Rule, type Support, type Term, elementsOf, pathOf, scalarOf } from './rego-ast.ts'
import { wideningOf } from './widening-of.ts'

/**
 * Which side a translation may err on. A condition that columns cannot say counts as true in the widest reading and as
 * false in the narrowest. A `not` swaps them, so the widest reading of a whole policy never misses a row.
 */
type Reading = 'widest' | 'narrowest'

const OPPOSITE = { widest: 'narrowest', narrowest: 'widest' } as const satisfies Record<Reading, Reading>

/** Deeper than any policy refers from rule to rule; Rego has no recursion, but an answer is not a policy. */
const MAX_DEPTH = 32

export type ResidualScope = {
  readonly attributes: Attributes
  /**
   * Whether the policies negate something that negates itself. OPA 1.22.2 then forgets that an attribute had to be there:
   * a condition may be too narrow for rows that lack it, so those rows are let through.
   */
  readonly nestedNegation: boolean
}

/** Reads what a partial evaluation leaves of a policy as a filter that is never too narrow. */
export class Residual {
  readonly #scope: ResidualScope
  readonly #rules = new Map<string, Rule[]>()
  /** Where rules stand whose last name is found only at evaluation: what is below has values that no list tells. */
  readonly #open = new Set<string>()
  readonly #widened = new Map<string, Widening>()

  constructor(support: readonly Support[], scope: ResidualScope) {
    this.#scope = scope
    for (const { package: module, rules } of support)
      for (const rule of rules) {
        const [first, ...rest] = rule.head.ref ?? []
        const fixed = rest.findIndex(({ type }) => type !== 'string')
        const names = [
          ...module.path,
          { type: 'string', value: first?.value },
          ...rest.slice(0, fixed < 0 ? undefined : fixed),
        ]
        const name = pathOf({ type: 'ref', value: names }) ?? ''
        if (fixed < 0) this.#rules.set(name, [...(this.#rules.get(name) ?? []), rule])
        else this.#open.add(name)
      }
  }

  /** Conditions that the filters so far leave out, each once. */
  get widened(): readonly Widening[] {
    return [...this.#widened.values()]
  }

  /** The rows that may satisfy one of the alternatives. */
  filter(queries: readonly (readonly Expr[])[]): RowFilter {
    return anyOf(queries.map((query) => this.#body(query, 'widest', 0)))
  }

  #body(body: readonly Expr[], reading: Reading, depth: number): RowFilter {
    return allOf(body.map((expr) => this.#expr(expr, reading, depth)))
  }

  #expr(expr: Expr, reading: Reading, depth: number): RowFilter {
    const literal = expr.with === undefined ? readLiteral(expr) : undefined
    const bound = literal && 'operator' in literal ? boundAttribute(literal, this.#scope.attributes) : undefined
    if (bound !== undefined && expr.negated !== true) return reading === 'widest' ? this.#bound(bound) : NONE
    const looped = literal && 'operator' in literal ? someElement(literal, this.#scope.attributes) : undefined
    if (looped !== undefined && expr.negated !== true)
      return reading === 'widest' ? this.#read(looped, false, reading) : NONE
    const meaning = literal && this.#meaning(literal)
    if (meaning !== undefined) return this.#read(meaning, expr.negated === true, reading)
    const side = expr.negated === true ? OPPOSITE[reading] : reading
    const found = literal && depth < MAX_DEPTH ? this.#reference(literal, side, depth + 1) : undefined
    if (found !== undefined) return expr.negated === true ? negate(found) : found
    if (reading === 'narrowest') return NONE
    const widening = wideningOf(expr)
    this.#widened.set(widening.construct, widening)
    return ALL
  }

  #bound(attribute: Attribute): RowFilter {
    return this.#scope.nestedNegation ? ALL : present(attribute)
  }

  #meaning(literal: Term | Call): Meaning | undefined {
    const { attributes } = this.#scope
    if ('operator' in literal) return callMeaning(literal, attributes)
    const constant = scalarOf(literal)
    if (constant !== undefined) return { holds: constant === false ? NONE : ALL, attributes: [], isCall: false }
    return attributeMeaning(literal, attributes)
  }

  #read({ holds, attributes, isCall }: Meaning, negated: boolean, reading: Reading): RowFilter {
    const there = attributes.map(present)
    if (negated) {
      const needsAttributes = reading === 'narrowest' || (isCall && !this.#scope.nestedNegation)
      return needsAttributes ? allOf([...there, negate(holds)]) : negate(holds)
    }
    const forgives = reading === 'widest' && this.#scope.nestedNegation
    return forgives ? anyOf([holds, ...there.map(negate)]) : holds
  }

  /** A literal about a rule that OPA left standing: it holds, it has a value, it is an empty set. */
  #reference(literal: Term | Call, reading: Reading, depth: number): RowFilter | undefined {
    if (!('operator' in literal)) {
      const rules = this.#find(literal)
      return rules && this.#valued(rules, (value) => scalarOf(value) !== false, reading, depth)
    }
    const { operator } = literal
    const [left, right] = constantLast(literal.operands)
    if (left === undefined || right === undefined || literal.operands.length > 2) return undefined
    const subject = operator === 'eq' ? (asCall(left)?.operands[0] ?? left) : left
    const rules = this.#find(subject)
    if (rules === undefined) return undefined
    const counts = operator === 'count' || asCall(left)?.operator === 'count'
    if (counts ? scalarOf(right) === 0 : operator === 'eq' && right.type === 'set' && elementsOf(right).length === 0)
      return negate(this.#nonEmpty(rules, OPPOSITE[reading], depth))
    const wanted = scalarOf(right)
    if (operator !== 'eq' || wanted === undefined) return undefined
    return this.#valued(rules, (value) => scalarOf(value) === wanted, reading, depth)
  }

  #find(term: Term): readonly Rule[] | undefined {
    const path = pathOf(term)
    if (path === undefined || [...this.#open].some((name) => path === name || path.startsWith(`${name}.`)))
      return undefined
    return this.#rules.get(path)
  }

  /** The rows for which the rule has a value that is wanted. A value that is not a constant may be any. */
  #valued(
    rules: readonly Rule[],
    wanted: (value: Term) => boolean,
    reading: Reading,
    depth: number,
  ): RowFilter | undefined {
    if (rules.some(({ head }) => head.args !== undefined || head.key !== undefined)) return undefined
    const own = rules.filter((rule) => rule.default !== true)
    const found = own.flatMap((rule) => this.#chain(rule, wanted, reading, depth))
    const byDefault = rules.find((rule) => rule.default === true)?.head.value
    if (byDefault === undefined || !wanted(byDefault)) return anyOf(found)
    const any = own.flatMap((rule) => this.#chain(rule, () => true, OPPOSITE[reading], depth))
    return anyOf([...found, negate(anyOf(any))])
  }

  /** The alternatives of a rule with `else`: each one counts where none before it holds. */
  #chain(rule: Rule, wanted: (value: Term) => boolean, reading: Reading, depth: number): RowFilter[] {
    const found: RowFilter[] = []
    const before: RowFilter[] = []
    for (let each: Rule | undefined = rule; each !== undefined; each = each.else) {
      const value: Term = each.head.value ?? { type: 'boolean', value: true }
      const isKnown = scalarOf(value) !== undefined
      if (isKnown ? wanted(value) : reading === 'widest')
        found.push(allOf([...before, this.#body(each.body, reading, depth)]))
      before.push(negate(this.#body(each.body, OPPOSITE[reading], depth)))
    }
    return found
  }

  /** The rows for which a partial set has an element. An element that is not a constant may be missing. */
  #nonEmpty(rules: readonly Rule[], reading: Reading, depth: number): RowFilter {
    return anyOf(
      rules.map(({ head, body }) => {
        const isElement = head.args === undefined && head.key !== undefined && head.value === undefined
        const isSure = isElement && head.key !== undefined && scalarOf(head.key) !== undefined
        if (isSure) return this.#body(body, reading, depth)
        return reading === 'widest' ? ALL : NONE
      }),
    )
  }
}

/** OPA writes the operands of `==` in either order. */
function constantLast([left, right]: readonly Term[]): readonly (Term | undefined)[] {
  return left !== undefined && scalarOf(left) !== undefined ? [right, left] : [left, right]
}
