import { dirname, join, sep } from 'node:path'
import { bundledFiles } from './bundled-files.ts'
import { modulesOf } from './rules.ts'
import type { PolicyProblem } from './policy-problem.ts'

/**
 * The packages in a folder of policies, such as `data.authz`, each with its files, without tests. A data file belongs to
 * the package of its folder, and at the top of the folder to `data` itself.
 * @throws PoliciesRefused with OPA's complaints
 */
export async function packagesOf(dir: string, opaPath: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const packages = new Map<string, string[]>()
  const add = (name: string, file: string) => packages.set(name, [...(packages.get(name) ?? []), file])
  for (const module of await modulesOf(dir, opaPath)) add(module.name, module.file)
  for (const file of await bundledFiles(dir)) {
    const folders = dirname(file)
    if (!file.endsWith('.rego')) add(folders === '.' ? 'data' : `data.${folders.replaceAll(sep, '.')}`, join(dir, file))
  }
  return packages
}

/** The top-level packages of a folder, which its bundle owns; or why no bundle can be made of it. */
export type Roots = { readonly roots: readonly string[] } | { readonly problem: PolicyProblem }

/**
 * The roots of the bundle of a folder. A sidecar has one bundle, so the bundle must be complete.
 * @throws PoliciesRefused with OPA's complaints
 */
export async function rootsOf(dir: string, opaPath: string): Promise<Roots> {
  const packages = await packagesOf(dir, opaPath)
  const [file] = packages.get('data') ?? []
  if (file !== undefined)
    return {
      problem: {
        file,
        line: 1,
        message: 'data at the top of the folder would own every package',
        remedy: 'put it into a folder with the name of the package that it belongs to',
      },
    }
  const roots = [...new Set([...packages.keys()].flatMap((name) => name.split('.')[1] ?? []))].sort()
  if (roots.includes('jobs')) return { roots }
  return {
    problem: {
      file: dir,
      line: 1,
      message: 'there is no package jobs, which workers query',
      remedy: 'copy policies/jobs from this repository into the folder',
    },
  }
}
