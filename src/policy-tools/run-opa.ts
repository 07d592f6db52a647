import { Failure, messageOf } from '../domain/failure.ts'
import { programEnd } from '../process/run-program.ts'

export type OpaRun = { readonly ok: boolean; readonly stdout: string; readonly stderr: string }

const PATIENCE_MS = 120_000

/**
 * Runs the program `opa`. An exit status other than zero is a result, because most commands use it to report what they
 * found.
 * @throws Failure JW_CONFIG_INVALID when there is no such program, or it does not end within two minutes
 */
export async function runOpa(opaPath: string, args: readonly string[], cwd?: string): Promise<OpaRun> {
  try {
    const end = await programEnd(opaPath, args, { timeoutMs: PATIENCE_MS, ...(cwd !== undefined && { cwd }) })
    if (end.ok || end.how.startsWith('exited')) return end
    throw new Error(`${opaPath} ${end.how}`)
  } catch (error) {
    throw new Failure('JW_CONFIG_INVALID', messageOf(error), { cause: error })
  }
}

/** Makes OPA ignore hidden files and folders, such as `.git`, but not a folder that is given as `.` or `..`. */
export const WITHOUT_HIDDEN = ['--ignore', '.[^.]*'] as const

/** Makes OPA ignore the files that a bundle does not hold. */
export const WITHOUT_TESTS = [...WITHOUT_HIDDEN, '--ignore', '*_test.rego'] as const
