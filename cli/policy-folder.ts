import { stat } from 'node:fs/promises'
import { Failure } from '../src/domain/failure.ts'

/** @throws Failure JW_CONFIG_INVALID when there is no such folder */
export async function requirePolicyFolder(dir: string): Promise<void> {
  if (!(await isFolder(dir))) throw new Failure('JW_CONFIG_INVALID', `${dir} is no folder of policies`)
}

export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch {
    return false // Not there, or not for us: no folder either way.
  }
}
