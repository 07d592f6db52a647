import { execFile } from 'node:child_process'
import { Failure } from '../domain/failure.ts'

export type OpaRun = { readonly ok: boolean; readonly stdout: string; readonly stderr: string }

const MAX_OUTPUT_BYTES = 64 * 1024 * 1024
const PATIENCE_MS = 120_000

/**
 * Runs the program `opa`. An exit status that is not zero is a result, because most commands tell with it what they
 * found.
 * @throws Failure JW_CONFIG_INVALID when there is no such program, or it does not end within two minutes
 */
export function runOpa(opaPath: string, args: readonly string[], cwd?: string): Promise<OpaRun> {
  return new Promise((resolve, reject) => {
    execFile(
      opaPath,
      args,
      { maxBuffer: MAX_OUTPUT_BYTES, timeout: PATIENCE_MS, killSignal: 'SIGKILL', cwd },
      (error, stdout, stderr) => {
        // A number is an exit status; anything else says that the program did not run to its end.
        if (error === null || typeof error.code === 'number') resolve({ ok: error === null, stdout, stderr })
        else reject(new Failure('JW_CONFIG_INVALID', `cannot run "${opaPath}": ${error.message}`, { cause: error }))
      },
    )
  })
}
