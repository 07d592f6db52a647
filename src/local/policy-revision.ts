import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { runProgram } from './run-program.ts'

const BUNDLED = /(\.rego|^data\.(json|ya?ml)|^\.manifest)$/
const TEST = /_test\.rego$/

/**
 * Names the state of a folder of policies: the short id of the commit that changed it last, when git knows all of its
 * files as they are; else `sha256:` and the start of a hash over the files that a bundle holds.
 */
export async function policyRevision(policies: string): Promise<string> {
  return (await commitOf(policies)) ?? `sha256:${await contentHash(policies)}`
}

async function commitOf(policies: string): Promise<string | undefined> {
  const git = (...args: readonly string[]) => runProgram('git', args, { cwd: policies, timeoutMs: 10_000 })
  try {
    // Ignored files count: they would be in the bundle, but not in the commit.
    if ((await git('status', '--porcelain', '--ignored', '--', '.')) !== '') return undefined
    const commit = (await git('log', '-1', '--format=%h', '--', '.')).trim()
    return commit === '' ? undefined : commit
  } catch {
    return undefined
  }
}

async function contentHash(policies: string): Promise<string> {
  const entries = await readdir(policies, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const hash = createHash('sha256')
  for (const file of files.filter(isBundled).sort()) {
    const content = await readFile(file)
    hash.update(`${relative(policies, file)}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex').slice(0, 12)
}

function isBundled(file: string): boolean {
  const name = basename(file)
  return BUNDLED.test(name) && !TEST.test(name)
}
