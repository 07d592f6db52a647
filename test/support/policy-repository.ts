import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runProgram } from '../../src/process/run-program.ts'
import type { Workspace } from '../../devkit/workspace.ts'

/** A git repository with the shipped policies in `policies`, as Ann has committed them. */
export type PolicyRepository = {
  readonly folder: string
  readonly policies: string
  readonly git: (...args: readonly string[]) => Promise<string>
}

export async function commitPolicies(workspace: Workspace): Promise<PolicyRepository> {
  const folder = await workspace.folder('repository')
  const policies = join(folder, 'policies')
  const ann = ['-c', 'user.name=Ann Author', '-c', 'user.email=ann@example.org']
  const git = (...args: readonly string[]) => runProgram('git', [...ann, ...args], { cwd: folder })
  await mkdir(policies)
  await cp('policies', policies, { recursive: true })
  await git('init', '--quiet')
  await git('add', '.')
  await git('commit', '--quiet', '--message', 'policies')
  return { folder, policies, git }
}
