import { z } from 'zod'
import { askOpa } from './ask-opa.ts'
import { packagesOf } from './packages.ts'
import type { PolicyProblem } from './policy-problem.ts'
import { rulesOf } from './rules.ts'
import { WITHOUT_TESTS } from './run-opa.ts'

/** The packages that policies/jobs queries. */
const REQUIRED = ['authz', 'data_filter'] as const

const Evaluation = z.object({ result: z.array(z.unknown()).optional() })

/**
 * Finds policies that OPA loads but workers cannot use. A folder without policies/jobs is only a part: the packages that
 * it lacks may be elsewhere.
 */
export async function requiredPackageProblems(dir: string, opaPath: string): Promise<PolicyProblem[]> {
  const packages = await packagesOf(dir, opaPath)
  if (packages.size === 0)
    return [{ file: dir, line: 1, message: 'there is no policy here', remedy: 'name the folder of the policies' }]
  const isWhole = packages.has('data.jobs')
  const problems: PolicyProblem[] = []
  for (const name of REQUIRED) {
    const file = packages.get(`data.${name}`)?.at(0)
    if (file === undefined && !isWhole) continue
    const place = { file: file ?? dir, line: 1 }
    if (!(await hasDefault(name, dir, opaPath)))
      problems.push({ ...place, ...(await firstAllow(name, dir, opaPath)), ...undefinedAllow(name) })
  }
  return problems
}

/** A package whose `allow` is undefined for an empty input counts as not loaded, in policies/jobs. */
async function hasDefault(name: string, dir: string, opaPath: string): Promise<boolean> {
  const query = `data.${name}.allow with input as {}`
  const { result } = await askOpa(
    opaPath,
    dir,
    ['eval', '--format', 'json', ...WITHOUT_TESTS, '--data', dir, query],
    Evaluation,
  )
  return result !== undefined
}

/** Where the package has its first `allow`, if it has one. */
async function firstAllow(name: string, dir: string, opaPath: string): Promise<Partial<PolicyProblem>> {
  const [first] = (await rulesOf(dir, opaPath)).get(`data.${name}.allow`) ?? []
  return first === undefined ? {} : { file: first.file, line: first.line }
}

function undefinedAllow(name: string): Pick<PolicyProblem, 'message' | 'remedy'> {
  return {
    message: `package ${name} has no "allow" for an empty input, so workers believe that it is not loaded, and wait`,
    remedy: `add to package ${name}: default allow := false`,
  }
}
