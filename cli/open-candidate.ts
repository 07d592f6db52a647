import { join } from 'node:path'
import { startOpa } from '../devkit/start-opa.ts'
import { openWorkspace } from '../devkit/workspace.ts'
import { OpaClient, type OpaClientOptions } from '../src/pdp/opa-client.ts'
import { isFolder, requirePolicyFolder } from './policy-folder.ts'

/** Where the worker's own entry point is; a folder without one is asked through it. */
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
 * Asks an OPA of its own with the policies of a folder, and stops it again.
 * @throws Failure JW_CONFIG_INVALID when there is no such folder, Error with OPA's words when it cannot load it
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
