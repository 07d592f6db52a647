import { rmSync } from 'node:fs'
import { mkdir, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { atExit } from './at-exit.ts'

/**
 * Has `make` produce something in a folder of its own below `tools`, from where it moves it to its place by a rename.
 * The place never holds half of it, and two processes may make it at once. Whatever happens, the folder is removed.
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
