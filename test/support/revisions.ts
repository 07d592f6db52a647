import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Workspace } from '../../devkit/workspace.ts'

/**
 * Writes policies that tell which revision decided: every reason of `authz` says so, and every read shows it in the
 * column `data` instead of what is there.
 */
export async function writeRevision(workspace: Workspace, revision: string): Promise<string> {
  const folder = await workspace.folder('policies')
  await cp('policies', folder, { recursive: true })
  const authz = join(folder, 'authz/authz.rego')
  await writeFile(
    authz,
    (await readFile(authz, 'utf8')).replaceAll(/"message": ".*"/g, `"message": "says ${revision}"`),
  )
  await writeFile(
    join(folder, 'data_filter/masks.rego'),
    `package data_filter\n\nmasks := {"data": {"replace": {"value": "says ${revision}"}}} if input.action == "read"\n`,
  )
  return folder
}
