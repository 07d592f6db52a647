import { copyFile, mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { bundledFiles } from './bundled-files.ts'
import { PoliciesRefused } from './policies-refused.ts'
import { strayFiles } from './stray-files.ts'
import { policyRevision } from './policy-revision.ts'
import { replaceFile } from './replace-file.ts'
import { runProgram } from '../process/run-program.ts'

/** What a bundle says of itself, besides its revision. All of its files are Rego v1. */
export type BundleManifest = {
  /** The packages that the bundle owns in a sidecar, and no other bundle may. */
  readonly roots: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
}

export type BundleOptions = {
  /** The program, as `obtainOpa` finds it. */
  readonly opa: string
  /** A folder of policies; its tests stay out. */
  readonly policies: string
  /** The file to write. It is there as a whole or not at all. */
  readonly out: string
  /** `policyRevision` of the folder unless told. */
  readonly revision?: string
  /** Takes the place of the folder's own. Then equal policies give equal bytes, wherever their folder is. */
  readonly manifest?: BundleManifest
}

export type Bundle = { readonly file: string; readonly revision: string }

/**
 * Builds a bundle of a folder that is the same as its bundle.
 * @throws PoliciesRefused when the folder has more than the bundle would; Error with what OPA says of policies that do
 * not compile
 */
export async function buildBundle({ opa, policies, out, manifest, ...rest }: BundleOptions): Promise<Bundle> {
  const strays = await strayFiles(policies)
  if (strays.length > 0) throw new PoliciesRefused(strays)
  const revision = rest.revision ?? (await policyRevision(policies))
  await using workspace = await mkdtempDisposable(join(tmpdir(), 'jobwarden-'))
  await copyPolicies(policies, workspace.path)
  if (manifest !== undefined)
    await writeFile(join(workspace.path, '.manifest'), JSON.stringify({ rego_version: 1, ...manifest }))
  await replaceFile(out, async (unfinished) => {
    // From inside, because OPA puts the path that it is given in front of every name.
    await runProgram(opa, ['build', '-r', revision, '-o', unfinished, '-b', '.'], { cwd: workspace.path })
  })
  return { file: out, revision }
}

async function copyPolicies(policies: string, folder: string): Promise<void> {
  for (const file of await bundledFiles(policies)) {
    const copy = join(folder, file)
    await mkdir(dirname(copy), { recursive: true })
    await copyFile(join(policies, file), copy)
  }
}
