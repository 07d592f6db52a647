import { askedPackageProblems } from './asked-packages.ts'
import type { PolicyProblem } from './policy-problem.ts'
import { type RegoError, parseRegoErrors } from './rego-errors.ts'
import { runOpa } from './run-opa.ts'
import { shellCommand } from './shell-command.ts'

/**
 * Asks OPA whether it can load the policies in `dir`, and whether workers can work with them. An empty list is a yes.
 * @throws Failure JW_CONFIG_INVALID when `opaPath` is no OPA
 */
export async function validatePolicies(dir: string, opaPath: string): Promise<PolicyProblem[]> {
  const { ok, stderr } = await runOpa(opaPath, ['check', '--format', 'json', dir])
  return ok ? askedPackageProblems(dir, opaPath) : loadProblems(dir, opaPath, parseRegoErrors(stderr))
}

/** One problem for a file of Rego v0, whatever OPA minds in it; one for each error of the others. */
async function loadProblems(dir: string, opaPath: string, errors: readonly RegoError[]): Promise<PolicyProblem[]> {
  const remedy = shellCommand(opaPath, 'check', dir)
  const problems = new Map<string, PolicyProblem>()
  for (const { message, code, location } of errors) {
    const { file, row: line } = location ?? { file: dir, row: 1 }
    if (problems.has(file)) continue // Known as Rego v0 by its first error.
    const isV0 = code === 'rego_parse_error' && (await isRegoV0(file, opaPath))
    if (isV0) problems.set(file, v0Problem(file, line, message, opaPath))
    else problems.set(`${file}:${line}: ${message}`, { file, line, message, remedy })
  }
  return [...problems.values()]
}

/** OPA is the judge: what it parses as Rego v0, and not as Rego v1, is Rego v0. */
async function isRegoV0(file: string, opaPath: string): Promise<boolean> {
  return (await runOpa(opaPath, ['parse', '--v0-compatible', file])).ok
}

function v0Problem(file: string, line: number, complaint: string, opaPath: string): PolicyProblem {
  return {
    file,
    line,
    message: `this is Rego v0, but OPA 1.x reads Rego v1 (${complaint})`,
    remedy: shellCommand(opaPath, 'fmt', '--write', '--v0-v1', file),
  }
}
