import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { bundledFiles } from './bundled-files.ts'
import { policyRevision } from './policy-revision.ts'
import { replaceFile } from './replace-file.ts'
import { runProgram } from './run-program.ts'
import { openWorkspace } from './workspace.ts'

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

/** @throws Error with what OPA says of policies that do not compile */
export async function buildBundle({ opa, policies, out, manifest, ...rest }: BundleOptions): Promise<Bundle> {
  const revision = rest.revision ?? (await policyRevision(policies))
  const build = (source: string, cwd?: string) =>
    replaceFile(out, async (unfinished) => {
      const args = ['build', '--ignore', '*_test.rego', '-r', revision, '-o', unfinished, '-b', source]
      await runProgram(opa, args, cwd === undefined ? {} : { cwd })
    })
  if (manifest === undefined) await build(policies)
  else {
    await using workspace = await openWorkspace()
    await copyPolicies(policies, workspace.path)
    await writeFile(join(workspace.path, '.manifest'), JSON.stringify({ rego_version: 1, ...manifest }))
    // From inside, because OPA puts the path that it is given in front of every name.
    await build('.', workspace.path)
  }
  return { file: out, revision }
}

async function copyPolicies(policies: string, folder: string): Promise<void> {
  for (const file of await bundledFiles(policies)) {
    const copy = join(folder, file)
    await mkdir(dirname(copy), { recursive: true })
    await copyFile(join(policies, file), copy)
  }
}
