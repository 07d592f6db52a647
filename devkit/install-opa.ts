import { rename, mkdir, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { OPA_VERSION, requireOpa } from '../src/policy-tools/opa-version.ts'
import { rmSync } from 'node:fs'
import { atExit } from './at-exit.ts'

/** An OPA that exists and runs. */
export type FoundOpa = { readonly path: string; readonly version: string }

/** The path where a fetched OPA is kept. */
export function opaInTools(tools: string): string {
  return join(tools, `opa-${OPA_VERSION}`)
}

/** Makes the program with `make`, tries it, and moves it to its place. */
export async function installOpa(tools: string, make: (folder: string) => Promise<string>): Promise<FoundOpa> {
  return inUnfinishedFolder(tools, async (folder) => {
    const made = await make(folder)
    const version = await requireOpa(made)
    await rename(made, opaInTools(tools))
    return { path: opaInTools(tools), version }
  })
}

/**
 * Runs `make` in a new folder below `tools`, from where it moves what it made to its place with a rename. So the place
 * never holds half of it, and two processes may make it at once. The folder is removed in any case.
 */
export async function inUnfinishedFolder<Made>(tools: string, make: (folder: string) => Promise<Made>): Promise<Made> {
  await mkdir(tools, { recursive: true })
  const folder = await mkdtemp(join(tools, 'unfinished-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  const keep = atExit(remove)
  try {
    return await make(folder)
  } finally {
    remove()
    keep()
  }
}
