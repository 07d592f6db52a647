import { copyFile, mkdir, mkdtempDisposable, writeFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { bundledFiles } from './bundled-files.ts'
import { PoliciesRefused } from './policy-problem.ts'
import { strayFiles } from './stray-files.ts'
import { policyRevision } from './policy-revision.ts'
import { runProgram } from '../process/run-program.ts'

/** The manifest of a bundle, besides its revision. All of its files are Rego v1. */
export type BundleManifest = {
  /** The packages that the bundle owns in a sidecar; no other bundle may own them. */
  readonly roots: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
}

export type BundleOptions = {
  /** The program, as `obtainOpa` finds it. */
  readonly opa: string
  /** A folder of policies; its tests stay out. */
  readonly policies: string
  /** The file to write. It exists as a whole or not at all. */
  readonly out: string
  /** By default the `policyRevision` of the folder. */
  readonly revision?: string
  /** Replaces the folder's own manifest, so that equal policies give equal bytes wherever their folder is. */
  readonly manifest?: BundleManifest
}

export type Bundle = { readonly file: string; readonly revision: string }

/**
 * Builds a bundle from a folder that has nothing but what the bundle will hold.
 * @throws PoliciesRefused when the folder has more than that; Error with OPA's message when the policies do not compile
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

/** Has `write` fill a file beside `file`, which then replaces it, so that `file` is whole at any time. */
export async function replaceFile(file: string, write: (unfinished: string) => Promise<void>): Promise<void> {
  const unfinished = resolve(`${file}.${process.pid}.unfinished`)
  try {
    await write(unfinished)
    await rename(unfinished, file)
  } finally {
    await rm(unfinished, { force: true })
  }
}

export type SigningOptions = {
  /** The program, as `obtainOpa` finds it. */
  readonly opa: string
  /** The bundle to sign. A signature that it has is dropped. */
  readonly bundle: string
  /** The file to write; it may be `bundle` itself. */
  readonly out: string
  /** PEM file of the private key, and the algorithm of its signatures. */
  readonly keyFile: string
  readonly algorithm: 'ES256' | 'RS256'
  /** The name by which verifiers find the public part of the key. */
  readonly keyid: string
  /** The scope of the signature: verifiers of another scope refuse it. */
  readonly scope: string
}

/** Writes a bundle with the same files and OPA's signature over them. @throws Error with the message of OPA or tar */
export async function signBundle({ opa, bundle, out, keyFile, algorithm, ...claims }: SigningOptions): Promise<void> {
  await using workspace = await mkdtempDisposable(join(tmpdir(), 'jobwarden-'))
  const [content, claimsFile] = [join(workspace.path, 'content'), join(workspace.path, 'claims.json')]
  await mkdir(content)
  await runProgram('tar', ['-xzf', bundle, '-C', content, '--exclude', '.signatures.json'])
  await writeFile(claimsFile, JSON.stringify(claims))
  const key = ['--signing-key', resolve(keyFile), '--signing-alg', algorithm, '--claims-file', claimsFile]
  await replaceFile(out, async (unfinished) => {
    // From inside, because OPA puts the path that it is given in front of every name.
    await runProgram(opa, ['build', ...key, '-o', unfinished, '-b', '.'], { cwd: content })
  })
}
