import { rmSync } from 'node:fs'
import { mkdir, mkdtemp, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { atExit } from './at-exit.ts'
import { OPA_VERSION, requireOpa } from './opa-version.ts'

/** A program that is there and runs. */
export type FoundOpa = { readonly path: string; readonly version: string }

/** Where the fetched OPA is kept. */
export function opaInTools(tools: string): string {
  return join(tools, `opa-${OPA_VERSION}`)
}

/**
 * Has `make` produce the program in a folder of its own, tries it, and moves it to its place. The place never holds
 * half a program, and two processes may install at once.
 */
export async function installOpa(tools: string, make: (folder: string) => Promise<string>): Promise<FoundOpa> {
  await mkdir(tools, { recursive: true })
  const folder = await mkdtemp(join(tools, 'unfinished-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  const keep = atExit(remove)
  try {
    const made = await make(folder)
    const version = await requireOpa(made)
    await rename(made, opaInTools(tools))
    return { path: opaInTools(tools), version }
  } finally {
    remove()
    keep()
  }
}
