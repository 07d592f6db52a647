import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { obtainOpa } from '../../devkit/obtain-opa.ts'
import { type LocalOpa, type OpaServerOptions, startOpa } from '../../devkit/start-opa.ts'
import type { Workspace } from '../../devkit/workspace.ts'

/** The worker's entry point, for policies that replace the shipped ones. */
export const ENTRY_POINT = 'policies/jobs'

/** The shipped policies. */
export const SHIPPED = 'policies'

/** A real OPA with policies of files and folders, or of a module each. */
export async function startPolicies(
  workspace: Workspace,
  policies: readonly string[],
  options: Omit<Partial<OpaServerOptions>, 'policies'> = {},
): Promise<LocalOpa> {
  const { path: opa } = await obtainOpa({ say: () => undefined })
  return startOpa({ workspace, opa, policies, ...options })
}

/** Writes modules of Rego, one a file, and returns their folder. */
export async function writeModules(workspace: Workspace, ...modules: readonly string[]): Promise<string> {
  const folder = await workspace.folder('modules')
  await Promise.all(modules.map((module, index) => writeFile(join(folder, `module${index}.rego`), module)))
  return folder
}
