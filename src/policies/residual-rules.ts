import { z } from 'zod'

/** A term of Rego as OPA writes it in JSON. */
const Term = z.object({ type: z.string(), value: z.unknown() })
type Term = z.infer<typeof Term>

const Path = z.array(Term)

const COLLECTIONS = new Set(['array', 'set', 'object'])

/**
 * Whether the rules that remain of a partial evaluation name every attribute of `input.resource`, and compare it alone.
 * OPA 1.22.2 accepts others too, but translates `input.resource[input.resource.x]` and `input.resource[0]` to a filter
 * that lets every row through, `input.resource[_]` to an attribute that does not exist, and answers not at all when an
 * attribute stands inside a collection.
 */
export function isTranslatable(node: unknown): boolean {
  const term = Term.safeParse(node)
  if (term.success && COLLECTIONS.has(term.data.type)) return !mentionsResource(term.data.value)
  if (term.success && isResource(term.data)) return pathOf(term.data).slice(2).every(isKnown)
  return childrenOf(node).every(isTranslatable)
}

/** A name, or a value that is known by the time a filter is asked for. */
function isKnown(step: Term): boolean {
  return step.type === 'string' || (step.type === 'ref' && !mentionsResource(step))
}

function mentionsResource(node: unknown): boolean {
  const term = Term.safeParse(node)
  return (term.success && isResource(term.data)) || childrenOf(node).some(mentionsResource)
}

function isResource(term: Term): boolean {
  const [root, first] = pathOf(term)
  return root?.value === 'input' && first?.value === 'resource'
}

function pathOf({ type, value }: Term): readonly Term[] {
  const path = Path.safeParse(value)
  return type === 'ref' && path.success ? path.data : []
}

function childrenOf(node: unknown): readonly unknown[] {
  return typeof node === 'object' && node !== null ? Object.values(node) : []
}
