import { spawnSync } from 'node:child_process'
import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { findPrograms, pathFolders } from '../../src/local/find-program.ts'
import type { Workspace } from '../../src/local/workspace.ts'

/** Whether docker works and has the image already: a test fetches nothing. */
export function dockerRuns(image: string): boolean {
  return spawnSync('docker', ['image', 'inspect', image], { timeout: 5_000 }).status === 0
}

/** Folders to look for programs in that hold docker and nothing else. */
export async function dockerOnly(workspace: Workspace): Promise<readonly string[]> {
  const folder = await workspace.folder('docker')
  const [docker = 'docker'] = await findPrograms('docker', pathFolders())
  await symlink(docker, join(folder, 'docker'))
  return [folder]
}
