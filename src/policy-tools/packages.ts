import { dirname, join, sep } from 'node:path'
import { bundledFiles } from './bundled-files.ts'
import { modulesOf } from './rules.ts'

/**
 * The packages of a folder of policies, such as `data.authz`, each with its files; tests left out. A data file belongs
 * to the package of its folder, and to `data` itself at the top.
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
