import { rename, rm } from 'node:fs/promises'
import { policyRevision } from './policy-revision.ts'
import { runProgram } from './run-program.ts'

export type BundleOptions = {
  /** The program, as `obtainOpa` finds it. */
  readonly opa: string
  /** A folder of policies; its tests stay out. */
  readonly policies: string
  /** The file to write. It is there as a whole or not at all. */
  readonly out: string
  /** `policyRevision` of the folder unless told. */
  readonly revision?: string
}

export type Bundle = { readonly file: string; readonly revision: string }

/** @throws Error with what OPA says of policies that do not compile */
export async function buildBundle({ opa, policies, out, ...rest }: BundleOptions): Promise<Bundle> {
  const revision = rest.revision ?? (await policyRevision(policies))
  const unfinished = `${out}.${process.pid}.unfinished`
  try {
    await runProgram(opa, ['build', '--ignore', '*_test.rego', '-r', revision, '-o', unfinished, '-b', policies])
    await rename(unfinished, out)
  } finally {
    await rm(unfinished, { force: true })
  }
  return { file: out, revision }
}
