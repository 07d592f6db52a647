import type { PolicyProblem } from './policy-problem.ts'
import { type Definition, type Rule, rulesOf } from './rules.ts'

/**
 * Finds fallbacks that were written without `default`: a rule or a function with one body that always holds, and other
 * bodies that give other values. OPA loads them, and fails on every input for which both hold.
 * @throws PoliciesRefused with OPA's complaints
 */
export async function clashingValues(dir: string, opaPath: string): Promise<PolicyProblem[]> {
  return [...(await rulesOf(dir, opaPath)).values()].flatMap((all) =>
    clashesOf(all.filter(({ rule }) => !rule.default && rule.head.key === undefined && rule.head.ref.length === 1)),
  )
}

function clashesOf(definitions: readonly Definition[]): PolicyProblem[] {
  const fallback = definitions.find(({ rule }) => alwaysHolds(rule))
  if (fallback === undefined) return []
  const other = definitions.find(({ rule }) => valueOf(rule) !== valueOf(fallback.rule))
  if (other === undefined) return []
  const { file, line, rule } = fallback
  const { ref, args } = rule.head
  const name = String(ref[0]?.value)
  const what = args === undefined ? 'this rule gives two values' : 'this function gives two values for one argument'
  const call = args === undefined ? name : `${name}(${args.map(() => '_').join(', ')})`
  return [
    {
      file,
      line,
      message: `${what}: always ${valueOf(rule)}, and another one where ${other.file}:${other.line} holds as well, so OPA fails there`,
      remedy: `make it the fallback: default ${call} := ${valueOf(rule)}`,
    },
  ]
}

/** Whether the rule has no condition and takes any arguments. */
function alwaysHolds({ body, head: { args = [], value }, ...rule }: Rule): boolean {
  const names = args.map((arg) => String(arg.value))
  const anyArguments = args.every(({ type }) => type === 'var') && new Set(names).size === names.length
  return rule.else === undefined && body.every(({ generated }) => generated) && anyArguments && isConstant(value)
}

function isConstant(value: Rule['head']['value']): boolean {
  return value !== undefined && ['boolean', 'string', 'number', 'null'].includes(value.type)
}

/** A constant as it is written. Other values may be equal or not, and count as different. */
function valueOf({ head: { value } }: Rule): string {
  return isConstant(value) ? JSON.stringify(value?.value) : 'another value'
}
