import { z } from 'zod'

/**
 * Rego as OPA writes it in JSON: what a partial evaluation leaves, and the modules of a policy. Values are read as far as
 * a reader needs them; what a reader does not know stays `unknown` and is widened.
 * Source: OPA 1.22.2, v1/ast/policy.go and term.go.
 */
export const Term = z.object({ type: z.string(), value: z.unknown().optional() })
export type Term = z.infer<typeof Term>

/** One literal of a body. `terms` is a term, a call (operator first), or the object of an `every` or a `some`. */
export const Expr = z.object({
  terms: z.unknown().optional(),
  negated: z.boolean().optional(),
  with: z.array(z.unknown()).optional(),
})
export type Expr = z.infer<typeof Expr>

const Body = z.array(Expr)

/** A rule that a partial evaluation could not take apart. */
export type Rule = {
  readonly head: {
    readonly ref?: readonly Term[] | undefined
    readonly key?: Term | undefined
    readonly value?: Term | undefined
    readonly args?: unknown
  }
  readonly body: readonly Expr[]
  readonly default?: boolean | undefined
  readonly else?: Rule | undefined
}

const Head = z.object({
  ref: z.array(Term).optional(),
  key: Term.optional(),
  value: Term.optional(),
  args: z.unknown().optional(),
})
const ElseRule: z.ZodType<Rule> = z.object({
  head: Head,
  body: Body,
  default: z.boolean().optional(),
  get else() {
    return ElseRule.optional()
  },
})
const SupportRule = z.object({ head: Head, body: Body, default: z.boolean().optional(), else: ElseRule.optional() })

export const Support = z.object({
  package: z.object({ path: z.array(Term) }),
  rules: z.array(SupportRule),
})
export type Support = z.infer<typeof Support>

/** What `POST /v1/compile` answers: alternatives of conditions, and the rules that they refer to. */
export const CompileBody = z.object({
  result: z.strictObject({ queries: z.array(Body).optional(), support: z.array(Support).optional() }),
})

const Terms = z.array(Term)

/** The elements of a reference, an array or a set, or the operator and the operands of a call; none for anything else. */
export function elementsOf({ type, value }: Term): readonly Term[] {
  if (type !== 'ref' && type !== 'array' && type !== 'set' && type !== 'call') return []
  const parsed = Terms.safeParse(value)
  return parsed.success ? parsed.data : []
}

/** A reference of names alone, joined by dots; undefined when an element of it is found only at evaluation. */
export function pathOf(term: Term): string | undefined {
  if (term.type === 'var' && typeof term.value === 'string') return term.value
  if (term.type !== 'ref') return undefined
  const names = elementsOf(term).map(({ type, value }, index) =>
    typeof value === 'string' && type === (index === 0 ? 'var' : 'string') ? value : undefined,
  )
  return names.includes(undefined) ? undefined : names.join('.')
}

/** The scalar that a term is, or undefined. */
export function scalarOf({ type, value }: Term): string | number | boolean | null | undefined {
  if (type === 'null') return null
  if (type === 'string' && typeof value === 'string') return value
  if (type === 'number' && typeof value === 'number') return value
  return type === 'boolean' && typeof value === 'boolean' ? value : undefined
}
