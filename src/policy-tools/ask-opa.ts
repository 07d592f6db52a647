import type { z } from 'zod'
import { PoliciesRefused, type PolicyProblem } from './policy-problem.ts'
import { runOpa } from './run-opa.ts'
import { parseOpaErrors } from './opa-errors.ts'
import { remedyFor, shellCommand } from './remedies.ts'

/**
 * Runs a command of OPA on the policies in `dir`, and parses its answer in JSON.
 * @throws PoliciesRefused with file, line and remedy of every complaint of OPA
 */
export async function askOpa<Schema extends z.ZodType>(
  opaPath: string,
  dir: string,
  args: readonly string[],
  answer: Schema,
): Promise<z.infer<Schema>> {
  const { ok, stdout, stderr } = await runOpa(opaPath, args)
  if (!ok) throw new PoliciesRefused(await opaProblems(stderr || stdout, dir, opaPath))
  return answer.parse(JSON.parse(stdout))
}

/**
 * Turns what OPA wrote about the policies in `dir` when it failed into problems: one for a file of Rego v0, whatever else
 * OPA says about it, and one for each complaint about the others.
 * @throws Failure JW_CONFIG_INVALID when `opaPath` is not an OPA
 */
export async function opaProblems(output: string, dir: string, opaPath: string): Promise<PolicyProblem[]> {
  const problems = new Map<string, PolicyProblem>()
  for (const error of parseOpaErrors(output, dir)) {
    const { code, file = dir, line = 1 } = error
    const message = error.message.replaceAll(/\s*\n\s*/g, ' ')
    if (problems.has(file)) continue // Its first error showed that it is Rego v0.
    const remedy = remedyFor(error) ?? shellCommand(opaPath, 'check', '-b', dir)
    if (code === 'rego_parse_error' && (await isRegoV0(file, opaPath)))
      problems.set(file, v0Problem(file, line, message, opaPath))
    else problems.set(`${file}:${line}: ${message}`, { file, line, message, remedy })
  }
  return [...problems.values()]
}

/** A file that OPA parses as Rego v0, and not as Rego v1, is Rego v0. */
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
