import { join } from 'node:path'
import { z } from 'zod'
import { askOpa } from './ask-opa.ts'
import { bundledFiles } from './bundled-files.ts'

/** A term of Rego as OPA writes it in JSON. */
export const Term = z.object({ type: z.string(), value: z.unknown() })
const Rule = z.object({
  default: z.boolean().default(false),
  body: z.array(z.object({ generated: z.boolean().default(false) })),
  else: z.unknown().optional(),
  head: z.object({
    name: z.string().default(''),
    args: z.array(Term).optional(),
    key: z.unknown().optional(),
    value: Term.optional(),
    ref: z.array(Term),
    location: z.object({ row: z.number() }),
  }),
})
const Module = z.object({
  package: z.object({ path: z.array(z.object({ value: z.unknown() })) }),
  rules: z.array(Rule).nullish(),
})
export type Rule = z.infer<typeof Rule>

/** A rule of a module, and where it is. */
export type Definition = { readonly file: string; readonly line: number; readonly rule: Rule }

/** A file of policies, with the name of its package, such as `data.authz`. */
export type PolicyModule = { readonly file: string; readonly name: string; readonly rules: readonly Rule[] }

/** The modules in `dir` without tests, sorted by file. @throws PoliciesRefused with OPA's complaints */
export async function modulesOf(dir: string, opaPath: string): Promise<readonly PolicyModule[]> {
  const modules: PolicyModule[] = []
  for (const name of (await bundledFiles(dir)).filter((each) => each.endsWith('.rego'))) {
    const file = join(dir, name)
    const args = ['parse', '--format', 'json', '--json-include', 'locations,-comments', file]
    const { package: owner, rules } = await askOpa(opaPath, dir, args, Module)
    modules.push({ file, name: owner.path.map(({ value }) => String(value)).join('.'), rules: rules ?? [] })
  }
  return modules
}

/**
 * The rules of the policies in `dir` without tests, by their whole names, such as `data.authz.allow`, sorted by file and
 * line.
 * @throws PoliciesRefused with OPA's complaints
 */
export async function rulesOf(dir: string, opaPath: string): Promise<ReadonlyMap<string, readonly Definition[]>> {
  const definitions = new Map<string, Definition[]>()
  for (const { file, name: owner, rules } of await modulesOf(dir, opaPath))
    for (const rule of rules) {
      const name = [owner, ...rule.head.ref.map(({ value }) => String(value))].join('.')
      definitions.set(name, [...(definitions.get(name) ?? []), { file, line: rule.head.location.row, rule }])
    }
  return definitions
}
