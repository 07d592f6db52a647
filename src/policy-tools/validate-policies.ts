import { requiredPackageProblems } from './required-packages.ts'
import { clashingValues } from './clashing-values.ts'
import { opaProblems } from './ask-opa.ts'
import { PoliciesRefused, type PolicyProblem } from './policy-problem.ts'
import { runOpa, WITHOUT_HIDDEN, WITHOUT_TESTS } from './run-opa.ts'
import { strayFiles } from './stray-files.ts'
import { testOnlyProblems } from './test-only.ts'

/**
 * Finds out whether OPA can load the policies in `dir` as a bundle has them, and whether workers can use them.
 * An empty list means yes, for the folder and for its bundle, which are then the same.
 * @throws Failure JW_CONFIG_INVALID when `opaPath` is not an OPA
 */
export async function validatePolicies(dir: string, opaPath: string): Promise<PolicyProblem[]> {
  try {
    for (const look of LOOKS) {
      const problems = await look(dir, opaPath)
      if (problems.length > 0) return problems
    }
    return []
  } catch (error) {
    if (error instanceof PoliciesRefused) return [...error.problems]
    throw error
  }
}

/** Each of them assumes that those before it found nothing. */
const LOOKS: readonly ((dir: string, opaPath: string) => Promise<PolicyProblem[]>)[] = [
  loadProblems,
  clashingValues,
  testOnlyProblems,
  requiredPackageProblems,
]

/** Looks for stray files, and has OPA check the policies: first as they are in a bundle, then together with the tests. */
async function loadProblems(dir: string, opaPath: string): Promise<PolicyProblem[]> {
  const check = async (options: readonly string[]) => {
    const { ok, stdout, stderr } = await runOpa(opaPath, ['check', '--bundle', '--format', 'json', ...options, dir])
    return ok ? [] : opaProblems(stderr || stdout, dir, opaPath)
  }
  const asBundle = await check(WITHOUT_TESTS)
  if (asBundle.length === 0) return [...(await strayFiles(dir)), ...(await check(WITHOUT_HIDDEN))]
  const withTests = await check(WITHOUT_HIDDEN)
  return withTests.length > 0 ? withTests : asBundle.map(definedInTests)
}

function definedInTests(problem: PolicyProblem): PolicyProblem {
  return {
    ...problem,
    message: `${problem.message}, unless the tests are there, and bundles have no tests`,
    remedy: 'define what it needs in a file that does not end in _test.rego',
  }
}
