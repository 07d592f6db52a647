import { type Expr, Term, elementsOf, pathOf } from './rego-ast.ts'

/** A literal that calls a built-in or a function, as `operator(operands)`; every comparison is one. */
export type Call = { readonly operator: string; readonly operands: readonly Term[] }

/** Reads a literal as a single term or as a call; undefined for `every`, `some` and what this code does not know. */
export function readLiteral({ terms }: Expr): Term | Call | undefined {
  const [operator, ...operands] = Array.isArray(terms) ? terms.map((term) => Term.safeParse(term).data) : []
  if (operator === undefined) return Term.safeParse(terms).data
  const name = pathOf(operator)
  const known = operands.flatMap((operand) => operand ?? [])
  return name === undefined || known.length < operands.length ? undefined : { operator: name, operands: known }
}

/** A term that is a call itself, such as `count(x)` in `count(x) == 0`. */
export function asCall(term: Term): Call | undefined {
  if (term.type !== 'call') return undefined
  const [operator, ...operands] = elementsOf(term)
  const name = operator && pathOf(operator)
  return name === undefined ? undefined : { operator: name, operands }
}
