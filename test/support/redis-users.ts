import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Workspace } from '../../devkit/workspace.ts'
import { type AclOptions, aclFile } from '../../src/redis/admin/acl-file.ts'

/** The password of a user of Redis in tests. */
export function passwordOf(user: string): string {
  return `password-of-${user}-in-tests`
}

/** Writes the ACL file of jobwarden with an admin, for servers that start with it. */
export async function writeUsers(workspace: Workspace, options: Omit<AclOptions, 'admin'>): Promise<string> {
  const file = join(await workspace.folder('users'), 'users.acl')
  await writeFile(file, aclFile({ ...options, admin: true }, passwordOf), { mode: 0o644 })
  return file
}

/** The settings of a process that logs in as `user`. */
export function loginOf(user: string): Record<string, string> {
  return { JOBWARDEN_REDIS_USERNAME: user, JOBWARDEN_REDIS_PASSWORD: passwordOf(user) }
}

/** The rights of a replica to read its master, for every server that may become one. */
export const REPLICA_LOGIN = ['--masteruser', 'replica', '--masterauth', passwordOf('replica')] as const
