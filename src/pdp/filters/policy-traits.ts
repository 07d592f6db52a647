import { z } from 'zod'
import { Term, elementsOf, pathOf } from './rego-ast.ts'
import { mayCompareItself } from './self-equality.ts'

/** What the text of the policies tells of how their answers may be used. */
export type PolicyTraits = {
  /** They call a built-in whose answer changes by itself: nothing that they answered is good a second time. */
  readonly volatile: boolean
  /** What is negated negates something itself. See `ResidualScope`. */
  readonly nestedNegation: boolean
  /**
   * What is negated, or has a second value, may compare an attribute with itself. A partial evaluation loses that
   * condition, and what is left may be too narrow: no filter can be made.
   */
  readonly negatedSelfEquality: boolean
}

/** Policies that nobody could look at may do either. */
export const UNKNOWN_TRAITS: PolicyTraits = {
  volatile: true,
  nestedNegation: true,
  negatedSelfEquality: true,
}

/** Every module that OPA has, as syntax trees. */
export const POLICIES_PATH = '/v1/policies'

/** Built-ins that answer differently without different operands. Source: `opa capabilities --current` of 1.22.2. */
const CHANGING = new Set(
  (
    'http.send io.jwt.decode_verify io.jwt.encode_sign io.jwt.encode_sign_raw json.match_schema json.verify_schema ' +
    'net.lookup_ip_addr opa.runtime rand.intn time.now_ns uuid.rfc4122'
  ).split(' '),
)

const Module = z.object({
  package: z.object({ path: z.array(Term) }),
  rules: z.array(z.unknown()).optional(),
})
export const PoliciesBody = z.object({ result: z.array(z.object({ ast: Module })) })
type Policies = z.infer<typeof PoliciesBody>

/** A rule by the words that may name it, and what its text says. */
type Named = {
  readonly names: readonly string[]
  readonly words: ReadonlySet<string>
  readonly negations: readonly Mention[]
  /** It may make the rule of its name false, where another rule of the name would make it true. */
  readonly takesBack: boolean
  readonly comparesItself: boolean
}

/** What a negated literal mentions, and whether there is another negation inside of it. */
type Mention = { readonly words: ReadonlySet<string>; readonly negates: boolean }

/**
 * Reads the traits from the syntax trees. Names are compared as words, without packages and imports, so that a trait may
 * be found where there is none, and never missed.
 */
export function traitsOf({ result }: Policies): PolicyTraits {
  const modules = result.map(({ ast }) => ast).filter(({ package: { path } }) => path[1]?.value !== 'system')
  const rules = modules.flatMap(({ package: { path }, rules: all = [] }) =>
    all.map((rule): Named => {
      const names = [nameOf(rule), ...path.slice(2).map(({ value }) => String(value))]
      return {
        names,
        words: wordsIn(rule),
        negations: negationsIn(rule),
        takesBack: takesBack(rule),
        comparesItself: mayCompareItself(rule),
      }
    }),
  )
  const references = modules.flatMap((module) => referencesIn(module.rules))
  const packages = new Set(modules.map(({ package: { path } }) => path[1]?.value))
  const decided = reachable(new Set(['permit']), rules)
  return {
    volatile: references.some((reference) => CHANGING.has(pathOf(reference) ?? '')),
    nestedNegation: negatesTwice(decided, rules) || references.some((reference) => findsRules(reference, packages)),
    negatedSelfEquality:
      decided.some(({ comparesItself }) => comparesItself) &&
      decided.some(({ negations, takesBack: taken }) => taken || negations.length > 0),
  }
}

/** Whether a reference finds a rule of a package by a name that only evaluation tells. */
function findsRules(reference: Term, packages: ReadonlySet<unknown>): boolean {
  const [root, top, rule] = elementsOf(reference)
  if (root?.value !== 'data' || top === undefined) return false
  return top.type !== 'string' || (packages.has(top.value) && rule !== undefined && rule.type !== 'string')
}

function negatesTwice(decided: readonly Named[], rules: readonly Named[]): boolean {
  const mentions = decided.flatMap(({ negations }) => negations)
  if (mentions.some(({ negates }) => negates)) return true
  const negated = new Set(mentions.flatMap(({ words }) => [...words]))
  return reachable(negated, rules).some(({ negations }) => negations.length > 0)
}

/** The rules that the words name, and those that their text names, and so on. */
function reachable(words: ReadonlySet<string>, rules: readonly Named[]): readonly Named[] {
  const known = new Set(words)
  const found = new Set<Named>()
  for (let before = -1; before !== found.size;) {
    before = found.size
    for (const rule of rules)
      if (!found.has(rule) && rule.names.some((name) => known.has(name))) {
        found.add(rule)
        for (const word of rule.words) known.add(word)
      }
  }
  return [...found]
}

const Head = z.object({ head: z.object({ name: z.string().optional(), ref: z.array(Term).optional() }) })

/** The first word of a rule's head: `deny` of `deny`, `deny[x]` and `deny.reason`. */
function nameOf(rule: unknown): string {
  const { head } = Head.parse(rule)
  const first = head.ref?.[0]?.value
  return typeof first === 'string' ? first : (head.name ?? '')
}

const Value = z.object({
  default: z.boolean().optional(),
  else: z.unknown().optional(),
  head: z.object({ value: Term.optional() }),
})

function takesBack(rule: unknown): boolean {
  const { default: isDefault = false, else: otherwise, head } = Value.parse(rule)
  return otherwise !== undefined || (!isDefault && head.value?.value === false)
}

function negationsIn(node: unknown): Mention[] {
  if (typeof node !== 'object' || node === null) return []
  const inside = Object.values(node).flatMap(negationsIn)
  if (!('negated' in node) || node.negated !== true) return inside
  return [{ words: wordsIn(node), negates: inside.length > 0 }, ...inside]
}

/** Every name and every text in a tree. */
function wordsIn(node: unknown, words = new Set<string>()): Set<string> {
  if (typeof node === 'string') words.add(node)
  if (typeof node === 'object' && node !== null) for (const value of Object.values(node)) wordsIn(value, words)
  return words
}

/** Every reference in a tree. */
function referencesIn(node: unknown): Term[] {
  if (typeof node !== 'object' || node === null) return []
  const term = Term.safeParse(node)
  const inside = Object.values(node).flatMap(referencesIn)
  return term.success && term.data.type === 'ref' ? [term.data, ...inside] : inside
}
