import { z } from 'zod'
import { askOpa } from './ask-opa.ts'

const Inspection = z.object({ namespaces: z.record(z.string(), z.array(z.string())).default({}) })

/**
 * The packages of a folder of policies, such as `data.authz`, each with its files; tests left out. `data` itself is
 * there when a data file stands at the top.
 * @throws Failure JW_CONFIG_INVALID with OPA's words
 */
export async function packagesOf(dir: string, opaPath: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const { namespaces } = await askOpa(opaPath, ['inspect', '--format', 'json', dir], Inspection)
  const packages = Object.entries(namespaces).map(([name, files]) => [name, files.filter(isNoTest)] as const)
  return new Map(packages.filter(([, files]) => files.length > 0))
}

function isNoTest(file: string): boolean {
  return !file.endsWith('_test.rego')
}
