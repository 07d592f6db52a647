import { readdir } from 'node:fs/promises'
import { basename, join, relative, sep } from 'node:path'

/** The files in a folder of policies, sorted, by their paths from the folder. */
export type PolicyFiles = {
  /** The files that a bundle of the folder holds. */
  readonly bundled: readonly string[]
  readonly tests: readonly string[]
  /** Files that OPA reads from a folder or from a bundle, but not from both in the same way. */
  readonly strays: readonly string[]
}

const DATA = /^data\.(json|ya?ml)$/
/** Files that OPA loads from a plain folder or uses in a bundle. It never looks at others, such as a README. */
const READ = /\.(rego|json|ya?ml|wasm|tar\.gz|tgz)$|^\.(manifest|signatures\.json)$/i

/**
 * Looks through a folder of policies. From a plain folder, OPA reads every JSON and YAML file, follows links and removes
 * the dots of hidden names; a bundle holds policies and files named data.json, data.yaml or data.yml.
 */
export async function policyFiles(dir: string): Promise<PolicyFiles> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  const files: Record<keyof PolicyFiles, string[]> = { bundled: [], tests: [], strays: [] }
  for (const entry of entries) {
    const file = relative(dir, join(entry.parentPath, entry.name))
    if (file.split(sep).includes('.git')) continue
    if (entry.isSymbolicLink()) files.strays.push(file)
    else if (entry.isFile() && READ.test(entry.name)) files[kindOf(file)].push(file)
  }
  return { bundled: files.bundled.sort(), tests: files.tests.sort(), strays: files.strays.sort() }
}

/** The files in a folder of policies that a bundle holds, sorted, by their paths from the folder. */
export async function bundledFiles(dir: string): Promise<readonly string[]> {
  return (await policyFiles(dir)).bundled
}

function kindOf(file: string): keyof PolicyFiles {
  const name = basename(file)
  if (file.split(sep).some((part) => part.startsWith('.'))) return 'strays'
  if (name.endsWith('_test.rego')) return 'tests'
  return name.endsWith('.rego') || DATA.test(name) ? 'bundled' : 'strays'
}
