import type { z } from 'zod'
import { Failure } from '../domain/failure.ts'
import { runOpa } from './run-opa.ts'

/** Runs a command of OPA that answers in JSON. @throws Failure JW_CONFIG_INVALID when it does not */
export async function askOpa<Schema extends z.ZodType>(
  opaPath: string,
  args: readonly string[],
  answer: Schema,
): Promise<z.infer<Schema>> {
  const { ok, stdout, stderr } = await runOpa(opaPath, args)
  if (!ok) throw new Failure('JW_CONFIG_INVALID', `opa ${args.join(' ')}: ${(stderr || stdout).trim()}`)
  return answer.parse(JSON.parse(stdout))
}
