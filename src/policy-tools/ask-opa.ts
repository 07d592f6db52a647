import type { z } from 'zod'
import { opaProblems } from './opa-problems.ts'
import { PoliciesRefused } from './policies-refused.ts'
import { runOpa } from './run-opa.ts'

/**
 * Runs a command of OPA on the policies in `dir` that answers in JSON.
 * @throws PoliciesRefused with file, line and remedy of what OPA complains about
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
