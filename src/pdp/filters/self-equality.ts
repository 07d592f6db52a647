import { z } from 'zod'
import { readLiteral } from './call.ts'
import { Expr, Term, elementsOf } from './rego-ast.ts'

/**
 * Whether a rule may compare an attribute with itself by `==`, directly or by names for it. OPA 1.22.2 drops such an
 * equality from a partial evaluation, and with it the condition that the attribute is there. It may be found where there
 * is none, and is never missed.
 */
export function mayCompareItself(rule: unknown): boolean {
  const equalities = equalitiesIn(rule)
  const variables = readVariables(rule, equalities)
  return equalities.some(([left, right]) => mayBeSame(left, right, variables))
}

type Variables = {
  /** They only ever stand for something known. */
  readonly known: ReadonlySet<string>
  /** They get their value from one equality, which so compares nothing. */
  readonly bound: ReadonlySet<string>
}

type Operands = readonly [left: Term, right: Term]

const UNIFIES: ReadonlySet<string> = new Set(['eq', 'equal', 'assign'])

function equalitiesIn(node: unknown): Operands[] {
  if (typeof node !== 'object' || node === null) return []
  const inside = Object.values(node).flatMap(equalitiesIn)
  const literal = 'terms' in node ? readLiteral(Expr.parse(node)) : undefined
  if (literal === undefined || !('operator' in literal) || !UNIFIES.has(literal.operator)) return inside
  const [left, right] = literal.operands
  return left === undefined || right === undefined ? inside : [[left, right], ...inside]
}

function mayBeSame(left: Term, right: Term, { known, bound }: Variables): boolean {
  const compares = [left, right].every((term) => !isKnown(term, known) && !bound.has(variableOf(term) ?? ''))
  if (!compares) return false
  const names = [lastName(left), lastName(right)]
  return names.includes(undefined) || names[0] === names[1]
}

/** The last name of a reference: two with different ones are never the same attribute. */
function lastName(term: Term): string | undefined {
  const last = term.type === 'ref' ? elementsOf(term).at(-1) : undefined
  return last?.type === 'string' && typeof last.value === 'string' ? last.value : undefined
}

/** Whether a term has a value before the resource is known: a constant, or something of the user, action or producer. */
function isKnown(term: Term, known: ReadonlySet<string>): boolean {
  switch (term.type) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'null':
      return true
    case 'var':
      return known.has(variableOf(term) ?? '')
    case 'array':
    case 'set':
      return elementsOf(term).every((element) => isKnown(element, known))
    case 'ref': {
      const [root, member] = elementsOf(term)
      if (root !== undefined && root.value !== 'input') return isKnown(root, known)
      return member?.type === 'string' && member.value !== 'resource'
    }
    default:
      return false
  }
}

const Head = z.object({ head: z.object({ args: z.unknown().optional() }) })
const Some = z.object({ symbols: z.array(Term) })

function variableOf({ type, value }: Term): string | undefined {
  return type === 'var' && typeof value === 'string' ? value : undefined
}

/** A parameter may stand for anything. */
function readVariables(rule: unknown, equalities: readonly Operands[]): Variables {
  const sources = new Map<string, Term[]>()
  const bind = (variable: Term | undefined, source: Term) => {
    const name = variable && variableOf(variable)
    if (name !== undefined) sources.set(name, [...(sources.get(name) ?? []), source])
  }
  for (const [left, right] of equalities) {
    bind(left, right)
    bind(right, left)
  }
  for (const [variables, collection] of loopsIn(rule)) for (const variable of variables) bind(variable, collection)
  const parameters = new Set(variablesIn(Head.safeParse(rule).data?.head.args))
  const known = new Set<string>()
  for (let before = -1; before !== known.size;) {
    before = known.size
    for (const [name, values] of sources)
      if (!parameters.has(name) && values.every((source) => isKnown(source, known))) known.add(name)
  }
  const bound = [...sources].flatMap(([name, values]) => {
    const unknown = values.filter((source) => !isKnown(source, known))
    return unknown.length === 1 && !parameters.has(name) ? [name] : []
  })
  return { known, bound: new Set(bound) }
}

/** `some x in xs` and `some i, x in xs`: the variables, and what they range over. */
function loopsIn(node: unknown): (readonly [readonly Term[], Term])[] {
  if (typeof node !== 'object' || node === null) return []
  const inside = Object.values(node).flatMap(loopsIn)
  const own = (Some.safeParse(node).data?.symbols ?? []).flatMap((symbol) => {
    const [, ...operands] = symbol.type === 'call' ? elementsOf(symbol) : []
    const collection = operands.at(-1)
    return collection === undefined ? [] : [[operands.slice(0, -1), collection] as const]
  })
  return [...own, ...inside]
}

function variablesIn(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return []
  const term = Term.safeParse(node).data
  const own = (term && variableOf(term)) ?? []
  return [own, Object.values(node).flatMap(variablesIn)].flat()
}
