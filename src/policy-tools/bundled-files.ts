import { readdir } from 'node:fs/promises'
import { basename, join, relative, sep } from 'node:path'

/** What is in a folder of policies, by path from the folder, in order. */
export type PolicyFiles = {
  /** What a bundle of the folder holds. */
  readonly bundled: readonly string[]
  readonly tests: readonly string[]
  /** What OPA reads in some way, or from a bundle, but not in every way as the others: nobody could tell what counts. */
  readonly strays: readonly string[]
}

const DATA = /^data\.(json|ya?ml)$/
/** What OPA loads from a plain folder or acts on in a bundle; it never looks at anything else, such as a README. */
const READ = /\.(rego|json|ya?ml|wasm|tar\.gz|tgz)$|^\.(manifest|signatures\.json)$/i

/**
 * Looks through a folder of policies. Given the folder itself, OPA reads every JSON and YAML file, follows links and
 * takes the dots off hidden names; a bundle holds policies and files named data.json, data.yaml or data.yml.
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

/** The files of a folder of policies that a bundle holds, by their path from the folder, in order. */
export async function bundledFiles(dir: string): Promise<readonly string[]> {
  return (await policyFiles(dir)).bundled
}

function kindOf(file: string): keyof PolicyFiles {
  const name = basename(file)
  if (file.split(sep).some((part) => part.startsWith('.'))) return 'strays'
  if (name.endsWith('_test.rego')) return 'tests'
  return name.endsWith('.rego') || DATA.test(name) ? 'bundled' : 'strays'
}
