import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/** The folders of the PATH, in order. */
export function pathFolders(): readonly string[] {
  return (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
}

/** Every executable file with that name in the folders, in the order of the folders. */
export async function findPrograms(name: string, folders: readonly string[]): Promise<readonly string[]> {
  const files = folders.map((folder) => join(folder, name))
  const usable = await Promise.all(files.map(isExecutable))
  return files.filter((_, index) => usable[index])
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK)
    return (await stat(file)).isFile()
  } catch {
    return false
  }
}
