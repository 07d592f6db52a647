import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { OPA_VERSION, requireOpa } from '../src/policy-tools/opa-version.ts'
import { inUnfinishedFolder } from './unfinished-folder.ts'

/** A program that is there and runs. */
export type FoundOpa = { readonly path: string; readonly version: string }

/** Where the fetched OPA is kept. */
export function opaInTools(tools: string): string {
  return join(tools, `opa-${OPA_VERSION}`)
}

/** Has `make` produce the program, tries it, and moves it to its place. */
export async function installOpa(tools: string, make: (folder: string) => Promise<string>): Promise<FoundOpa> {
  return inUnfinishedFolder(tools, async (folder) => {
    const made = await make(folder)
    const version = await requireOpa(made)
    await rename(made, opaInTools(tools))
    return { path: opaInTools(tools), version }
  })
}
