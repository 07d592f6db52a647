import { isUtf8 } from 'node:buffer'
import { lstat, readFile } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { policyFiles } from './bundled-files.ts'
import type { PolicyProblem } from './policy-problem.ts'

type Stray = Pick<PolicyProblem, 'message' | 'remedy'>

/**
 * Finds files in a folder of policies that would not be in its bundle as they are: tests and queries on the folder would
 * see them, and sidecars would not. An empty list means that the folder and its bundle are the same.
 */
export async function strayFiles(dir: string): Promise<PolicyProblem[]> {
  const { bundled, tests, strays } = await policyFiles(dir)
  const problems = strays.map(async (file) => ({ file: join(dir, file), line: 1, ...(await strayOf(dir, file)) }))
  const unreadable = [...bundled, ...tests].map(async (file) =>
    isUtf8(await readFile(join(dir, file))) ? [] : [{ file: join(dir, file), line: 1, ...NOT_UTF8 }],
  )
  return [...(await Promise.all(problems)), ...(await Promise.all(unreadable)).flat()]
}

const NOT_UTF8: Stray = { message: 'is not UTF-8, and OPA replaces such bytes', remedy: 'save the file as UTF-8' }

async function strayOf(dir: string, file: string): Promise<Stray> {
  const name = basename(file)
  const data = join(dir, dirname(file), 'data.json')
  if ((await lstat(join(dir, file))).isSymbolicLink())
    return { message: 'is a symbolic link, and bundles hold none', remedy: 'copy what it points to in its place' }
  if (name === '.manifest') return { message: 'the bundle gets its own manifest', remedy: 'remove the file' }
  if (name === '.signatures.json')
    return {
      message: 'a bundle is signed after it is built',
      remedy: 'remove the file; `jobwarden policies sign` signs',
    }
  if (file.split(sep).some((part) => part.startsWith('.')))
    return {
      message: 'is hidden, and OPA removes the dot from its name in a bundle',
      remedy: 'give it a name without a dot at the start, or keep it out of the folder of the policies',
    }
  if (/\.(wasm|tgz|tar\.gz)$/i.test(name))
    return { message: 'is compiled or packed, so nobody can review it', remedy: 'keep it out of the folder' }
  if (/\.rego$/i.test(name))
    return {
      message: 'ends in capitals, so bundles do not hold it',
      remedy: `name it ${name.replace(/rego$/i, 'rego')}`,
    }
  if (/_test\.(json|ya?ml)$/i.test(name))
    return {
      message: 'tests would see this data and sidecars would not: bundles hold no data of tests',
      remedy: 'write the data into a test, in a file that ends in _test.rego',
    }
  return {
    message: 'a bundle holds data only in files named data.json, data.yaml or data.yml',
    remedy: `put its content into ${data}, where it means the same, or keep it out of the folder`,
  }
}
