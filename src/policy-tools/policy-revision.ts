import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { bundledFiles } from './bundled-files.ts'
import { runProgram } from '../process/run-program.ts'

/** Git's own short ids grow with the repository, so the same commit could have another one in another clone. */
const REVISION_LENGTH = 12

const Commit = z.tuple([z.string().regex(/^[0-9a-f]{40,64}$/), z.string(), z.iso.datetime({ offset: true })])

/** The last commit that changed a folder of policies. */
export type PolicyCommit = {
  readonly id: string
  /** Name and address. */
  readonly author: string
  /** RFC 3339. */
  readonly committedAt: string
}

/** A state of a folder of policies. It has a commit only while all of its files are committed as they are. */
export type PolicyVersion = { readonly revision: string; readonly commit?: PolicyCommit }

/**
 * Names the state of a folder of policies: by the start of the id of the last commit that changed it, if all of its files
 * are committed as they are; otherwise by `sha256:` and the start of a hash over the files that a bundle holds.
 */
export async function policyVersion(policies: string): Promise<PolicyVersion> {
  const commit = await commitOf(policies)
  return commit === undefined
    ? { revision: `sha256:${await contentHash(policies)}` }
    : { revision: commit.id.slice(0, REVISION_LENGTH), commit }
}

/** The revision of `policyVersion` alone. */
export async function policyRevision(policies: string): Promise<string> {
  return (await policyVersion(policies)).revision
}

async function commitOf(policies: string): Promise<PolicyCommit | undefined> {
  const git = (...args: readonly string[]) => runProgram('git', args, { cwd: policies, timeoutMs: 10_000 })
  try {
    // Files that git ignores count too: they would be in the bundle, but not in the commit.
    if ((await git('status', '--porcelain', '--ignored', '--', '.')) !== '') return undefined
    const commit = Commit.safeParse(
      (await git('log', '-1', '--format=%H%n%an <%ae>%n%cI', '--', '.')).trim().split('\n'),
    )
    if (!commit.success) return undefined
    const [id, author, committedAt] = commit.data
    return { id, author, committedAt }
  } catch {
    return undefined
  }
}

async function contentHash(policies: string): Promise<string> {
  const hash = createHash('sha256')
  for (const file of await bundledFiles(policies)) {
    const content = await readFile(join(policies, file))
    hash.update(`${file}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex').slice(0, REVISION_LENGTH)
}
