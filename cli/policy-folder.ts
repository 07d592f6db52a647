import { stat } from 'node:fs/promises'
import { Failure } from '../src/domain/failure.ts'
import { join } from 'node:path'
import { startOpa } from '../devkit/start-opa.ts'
import { openWorkspace } from '../devkit/workspace.ts'
import { OpaClient, type OpaClientOptions } from '../src/pdp/opa-client.ts'
import { filterReport } from '../src/policy-tools/filter-report.ts'
import { problemText } from '../src/policy-tools/policy-problem.ts'
import { widenedFilters } from '../src/policy-tools/widened-filters.ts'
import type { ResourceTypes } from '../src/domain/resource-type.ts'

/** @throws Failure JW_CONFIG_INVALID when there is no such folder */
export async function requirePolicyFolder(dir: string): Promise<void> {
  if (!(await isFolder(dir))) throw new Failure('JW_CONFIG_INVALID', `${dir} is not a folder of policies`)
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch {
    return false // It is missing, or we may not look: not a folder of policies either way.
  }
}

/** The worker's own entry point, for a folder that has none. */
const ENTRY_POINT = join(import.meta.dirname, '../policies/jobs')

/** For an OPA that only this process asks, and that has just been started. */
const CLIENT: Omit<OpaClientOptions, 'url'> = {
  connections: 4,
  maxResponseBytes: 8_388_608,
  timeoutMs: 2_000,
  filterTtlMs: 2_000,
  retry: { baseMs: 25, maxMs: 500, maxRetries: 3 },
  circuit: { errorPercent: 50, minimumCalls: 3, resetMs: 1_000 },
  headers: () => ({}),
  onCircuitChange: () => undefined,
}

/**
 * Starts an OPA with the policies in a folder, asks it, and stops it again.
 * @throws Failure JW_CONFIG_INVALID when there is no such folder, Error with OPA's message when it cannot load them
 */
export async function askCandidate<Answer>(
  dir: string,
  opa: string,
  ask: (pdp: OpaClient) => Promise<Answer>,
): Promise<Answer> {
  await requirePolicyFolder(dir)
  const policies = (await isFolder(join(dir, 'jobs'))) ? [dir] : [dir, ENTRY_POINT]
  const workspace = await openWorkspace()
  try {
    const { url } = await startOpa({ workspace, opa, policies })
    const pdp = OpaClient.open({ url, ...CLIENT })
    workspace.defer(() => pdp.close())
    return await ask(pdp)
  } finally {
    await workspace.close()
  }
}

/**
 * Reports for every rule in a folder of policies whether filters express it exactly, and returns whether they express
 * all of them. A rule that they cannot express is no mistake: collections only need more decisions for it.
 * @throws Failure JW_CONFIG_INVALID | JW_PDP_*
 */
export async function reportFilters(
  dir: string,
  opa: string,
  types: ResourceTypes,
  say: (line: string) => void,
): Promise<boolean> {
  const widened = await askCandidate(dir, opa, (pdp) => widenedFilters(pdp, types))
  const exact = widened.length === 0
  say(`- filters express them exactly, for every sample user, action and resource type: ${exact ? 'yes' : 'NO'}`)
  for (const { file, line, name, widened: problems } of await filterReport(dir, opa, widened)) {
    say(`  ${file}:${line}: ${name}: ${problems.length === 0 ? 'exact' : 'widened'}`)
    for (const problem of problems) say(`  ${problemText(problem)}`)
  }
  return exact
}
