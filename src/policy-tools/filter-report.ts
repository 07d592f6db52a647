import type { Widening } from '../domain/widening.ts'
import { type SourceRule, type SourceLiteral, sourceRules } from './source-literals.ts'
import type { PolicyProblem } from './policy-problem.ts'
import type { WidenedFilter } from './widened-filters.ts'

/** How much of one rule filters express: all of it, or all but some of its conditions. */
export type RuleReport = {
  readonly file: string
  readonly line: number
  readonly name: string
  /** The conditions that filters leave out; none when they express the rule exactly. */
  readonly widened: readonly PolicyProblem[]
}

/** The names of operators in sources, where OPA uses another name in its answers. */
const WRITTEN: Readonly<Record<string, readonly string[]>> = { eq: ['equal', 'eq', 'assign'] }

/**
 * Reports for each rule that decides whether filters express it exactly. A partial evaluation does not say where in the
 * sources a condition is, so it is searched by its operator and its attributes, and all that match are reported.
 * @throws PoliciesRefused with OPA's complaints
 */
export async function filterReport(
  dir: string,
  opa: string,
  widened: readonly WidenedFilter[],
): Promise<readonly RuleReport[]> {
  const rules = await sourceRules(dir, opa)
  const places = widened.map((each) => ({ ...each, literals: likeliest(each.widening, rules) }))
  const reports = rules.map((rule): RuleReport => {
    const { file, line, name } = rule
    const found = places.flatMap(({ widening, asked, literals }) =>
      rule.literals.filter((literal) => literals.has(literal)).map((literal) => problem(literal, widening, asked)),
    )
    return { file, line, name, widened: found }
  })
  const lost = places.filter(({ literals }) => literals.size === 0)
  const unplaced = lost.map(({ widening, asked }) =>
    problem({ file: dir, line: 1, text: widening.construct, names: new Set() }, widening, asked),
  )
  const told = reports.filter((report) => report.name === 'allow' || report.widened.length > 0)
  return unplaced.length === 0 ? told : [...told, { file: dir, line: 1, name: 'allow', widened: unplaced }]
}

function likeliest({ operator, attributes }: Widening, rules: readonly SourceRule[]): ReadonlySet<SourceLiteral> {
  const written = new Set([operator, operator.split('.').at(-1) ?? '', ...(WRITTEN[operator] ?? [])].filter(Boolean))
  const scored = rules
    .flatMap(({ literals }) => literals)
    .map((literal) => {
      const says = [...written].some((name) => literal.names.has(name))
      return { literal, score: (says ? 100 : 0) + attributes.filter((name) => literal.names.has(name)).length }
    })
  const best = Math.max(0, ...scored.map(({ score }) => score))
  return new Set(best === 0 ? [] : scored.filter(({ score }) => score === best).map(({ literal }) => literal))
}

function problem({ file, line, text }: SourceLiteral, { operator }: Widening, asked: string): PolicyProblem {
  return {
    file,
    line,
    message: `filters leave out \`${text}\` (for ${asked}): for commands on collections, every row that the rest of the rule selects has to be decided`,
    remedy: remedyFor(operator),
  }
}

const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [
    /^(lower|upper|trim|replace|sprintf|concat|substring|format_int|strings\.)/,
    'store the attribute in the form that rules compare, and compare it as it is: input.resource.x == ...',
  ],
  [/^(regex|glob)\./, 'if one of them is enough, write startswith(input.resource.x, "..."), endswith, contains or =='],
  [
    /^(count|comprehension|every|object\.|json\.|walk|sum|max|min|sort|array\.)/,
    'name the attribute: input.resource.x == ..., or input.resource.x in input.user.xs',
  ],
  [
    /^(lookup|input\.resource$)/,
    'name the attribute: input.resource.x, not input.resource[...] or input.resource as a whole',
  ],
  [/^with$/, 'pass what changes as a parameter of a function instead of using `with`'],
  [
    /^(data\.|else)/,
    'write one rule for each case, allow if ..., instead of comparing the value of a rule that has several',
  ],
  [
    /^(time|http|rand|opa|uuid|net|io)\./,
    'nothing: no condition on columns can know its answer; another condition beside it keeps the scan short',
  ],
  [
    /^(plus|minus|mul|div|rem|abs|round|ceil|floor|to_number)$/,
    'move the calculation to the side of the user: input.resource.x > input.user.n - 1',
  ],
]

function remedyFor(operator: string): string {
  const known = REMEDIES.find(([pattern]) => pattern.test(operator))?.[1]
  return known ?? 'compare one attribute with one value: ==, !=, <, <=, >, >=, in, startswith, endswith or contains'
}
