import { z } from 'zod'
import { askOpa } from './ask-opa.ts'
import { packagesOf } from './packages.ts'

/** A literal of a policy's source: one condition of a rule's body. */
export type SourceLiteral = {
  readonly file: string
  readonly line: number
  /** The condition as its author wrote it, on one line. */
  readonly text: string
  /** The built-ins, rules, attributes and words of Rego that it names. */
  readonly names: ReadonlySet<string>
}

/** A rule of a policy's source. */
export type SourceRule = {
  readonly name: string
  readonly file: string
  readonly line: number
  readonly literals: readonly SourceLiteral[]
}

const Location = z.object({ row: z.number(), text: z.string().default('') })
const ParsedRule = z.looseObject({
  default: z.boolean().optional(),
  head: z.object({ name: z.string().default('') }),
  location: Location,
})
const Module = z.object({ rules: z.array(ParsedRule).default([]) })
const Literal = z.looseObject({ terms: z.unknown(), location: Location })

/** The rules of the packages that decide, as OPA parses them. @throws PoliciesRefused with OPA's complaints */
export async function sourceRules(dir: string, opa: string): Promise<readonly SourceRule[]> {
  const packages = await packagesOf(dir, opa)
  const files = [...packages].filter(([name]) => name !== 'data.jobs').flatMap(([, all]) => all)
  const rego = [...new Set(files)].filter((file) => file.endsWith('.rego')).toSorted((a, b) => a.localeCompare(b))
  const parsed = rego.map(async (file) => {
    const { rules } = await askOpa(opa, dir, ['parse', '--format', 'json', '--json-include', 'locations', file], Module)
    return rules
      .filter((rule) => rule.default !== true)
      .map(
        ({ head: { name }, location, ...rest }): SourceRule => ({
          name,
          file,
          line: location.row,
          literals: literalsIn(rest, file),
        }),
      )
  })
  return (await Promise.all(parsed)).flat()
}

/** The literals of a body, of its `else`, and inside of either. */
function literalsIn(node: unknown, file: string): SourceLiteral[] {
  if (typeof node !== 'object' || node === null) return []
  const inside = Object.values(node).flatMap((value) => literalsIn(value, file))
  const literal = 'terms' in node ? Literal.safeParse(node) : undefined
  if (literal?.success !== true) return inside
  const { row, text } = literal.data.location
  const source = Buffer.from(text, 'base64').toString('utf8').replaceAll(/\s+/g, ' ')
  return [{ file, line: row, text: source, names: namesIn(node) }, ...inside]
}

function namesIn(node: unknown, names = new Set<string>()): ReadonlySet<string> {
  if (typeof node !== 'object' || node === null) return names
  if ('with' in node) names.add('with')
  if ('domain' in node && 'key' in node) names.add('every')
  if ('type' in node && typeof node.type === 'string') {
    if (node.type.endsWith('comprehension')) names.add('comprehension')
    if (node.type === 'ref' && 'value' in node) for (const path of pathsOf(node.value)) names.add(path)
    if (node.type === 'var' && 'value' in node && typeof node.value === 'string') names.add(node.value)
  }
  for (const [member, value] of Object.entries(node)) if (member !== 'location') namesIn(value, names)
  return names
}

/** A reference as a whole and each of its names; also `lookup` if an element is only known at evaluation. */
function pathsOf(value: unknown): string[] {
  const steps = z.array(z.object({ type: z.string(), value: z.unknown() })).safeParse(value).data ?? []
  const names = steps.map((step, index) =>
    typeof step.value === 'string' && (index === 0 || step.type === 'string') ? step.value : '[]',
  )
  return [names.join('.'), ...names.slice(1), ...(names.includes('[]') ? ['lookup'] : [])]
}
