import { nodeCode } from '../../domain/node-errors.ts'
import { HttpProblem } from '../../http/http-problem.ts'

const FULL = new Set(['ENOSPC', 'EDQUOT'])

/** Runs what writes to the disk. @throws HttpProblem 507 when it is full; whatever else `write` throws */
export async function onDisk<Result>(write: () => Promise<Result>): Promise<Result> {
  try {
    return await write()
  } catch (error) {
    const code = nodeCode(error)
    if (!FULL.has(code)) throw error
    const what = `the disk of the bundle server is full (${code}); what was served before is served still`
    throw new HttpProblem(507, what, { cause: error })
  }
}
