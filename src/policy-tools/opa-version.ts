import { runProgram } from '../process/run-program.ts'

/** The oldest OPA that can answer everything that the worker asks, and the one that is fetched when there is none. */
export const OPA_VERSION = '1.22.2'

/** @throws Error when the program does not run or does not name its version */
async function readOpaVersion(program: string): Promise<string> {
  const output = await runProgram(program, ['version'], { timeoutMs: 20_000 })
  const version = /^Version:\s*v?(\d+\.\d+\.\d+\S*)/m.exec(output)?.[1]
  if (version === undefined) throw new Error(`${program} is not OPA: \`version\` does not name its version`)
  return version
}

/** @throws Error when the program is not an OPA of that version or a newer one */
export async function requireOpa(program: string): Promise<string> {
  const version = await readOpaVersion(program)
  if (isNewEnough(version)) return version
  throw new Error(`${program} is OPA ${version}, older than ${OPA_VERSION}`)
}

function isNewEnough(version: string): boolean {
  return version.localeCompare(OPA_VERSION, 'en', { numeric: true }) >= 0
}
