import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { askOpa } from './ask-opa.ts'
import { bundledFiles } from './bundled-files.ts'
import type { PolicyProblem } from './policy-problem.ts'
import { WITHOUT_HIDDEN, WITHOUT_TESTS } from './run-opa.ts'

const Reference = z.array(z.object({ type: z.string(), value: z.unknown() }))
const Dependencies = z.object({ base: z.array(Reference).nullish() })

/**
 * Finds rules that policies use and only tests define. Tests see them; in a bundle they are silently undefined.
 * @throws PoliciesRefused with OPA's complaints
 */
export async function testOnlyProblems(dir: string, opaPath: string): Promise<PolicyProblem[]> {
  const undefinedBy = async (options: readonly string[]) => {
    const args = ['deps', '--format', 'json', ...options, '--data', dir, 'data']
    const { base } = await askOpa(opaPath, dir, args, Dependencies)
    return new Set((base ?? []).map(pathOf).filter((path) => path.startsWith('data.')))
  }
  const [inTests, inBundle] = [await undefinedBy(WITHOUT_HIDDEN), await undefinedBy(WITHOUT_TESTS)]
  const missing = [...inBundle].filter((path) => !inTests.has(path))
  return Promise.all(missing.map((path) => problemOf(dir, path)))
}

function pathOf(reference: z.infer<typeof Reference>): string {
  return reference.map(({ value }) => String(value)).join('.')
}

async function problemOf(dir: string, path: string): Promise<PolicyProblem> {
  return {
    ...(await firstUse(dir, path)),
    message: `uses ${path}, which only tests define: it is undefined in a bundle`,
    remedy: 'define it in a file that does not end in _test.rego, or do not use it',
  }
}

/** Where the policies use the path, or else the longest part of it that they contain, such as an import. */
async function firstUse(dir: string, path: string): Promise<Pick<PolicyProblem, 'file' | 'line'>> {
  const files = await bundledFiles(dir)
  for (let wanted = path; wanted.includes('.'); wanted = wanted.slice(0, wanted.lastIndexOf('.')))
    for (const file of files) {
      const lines = (await readFile(join(dir, file), 'utf8')).split('\n')
      const line = lines.findIndex((text) => text.includes(wanted))
      if (line >= 0) return { file: join(dir, file), line: line + 1 }
    }
  return { file: dir, line: 1 }
}
