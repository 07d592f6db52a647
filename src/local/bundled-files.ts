import { readdir } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'

const BUNDLED = /(\.rego|^data\.(json|ya?ml)|^\.manifest)$/
const TEST = /_test\.rego$/

/** The files of a folder of policies that a bundle holds, by their path from the folder, in order. Tests stay out. */
export async function bundledFiles(policies: string): Promise<readonly string[]> {
  const entries = await readdir(policies, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(isBundled)
    .sort()
    .map((file) => relative(policies, file))
}

function isBundled(file: string): boolean {
  const name = basename(file)
  return BUNDLED.test(name) && !TEST.test(name)
}
