import { spawnSync } from 'node:child_process'
import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { findPrograms, pathFolders } from '../../../devkit/find-program.ts'
import type { Workspace } from '../../../devkit/workspace.ts'

/** A test of containers fails where it cannot run, and says what it lacks: it never skips. It fetches nothing itself. */
export function requireImage(image: string): void {
  if (spawnSync('docker', ['image', 'inspect', image], { timeout: 5_000 }).status === 0) return
  throw new Error(`this test needs docker with the image ${image}: start docker and run \`docker pull ${image}\``)
}

/** Folders to look for programs in that hold docker and nothing else. */
export async function dockerOnly(workspace: Workspace): Promise<readonly string[]> {
  const folder = await workspace.folder('docker')
  const [docker = 'docker'] = await findPrograms('docker', pathFolders())
  await symlink(docker, join(folder, 'docker'))
  return [folder]
}
