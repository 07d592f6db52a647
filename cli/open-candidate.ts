import { join } from 'node:path'
import { opaOptions } from '../src/config/adapter-options.ts'
import { loadConfig } from '../src/config/load-config.ts'
import { startOpa } from '../devkit/start-opa.ts'
import { openWorkspace } from '../devkit/workspace.ts'
import { OpaClient } from '../src/pdp/opa-client.ts'
import { isFolder, requirePolicyFolder } from './policy-folder.ts'

/** Where the worker's own entry point is; a folder without one is asked through it. */
const ENTRY_POINT = join(import.meta.dirname, '../policies/jobs')

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
    const config = loadConfig({ JOBWARDEN_OPA_URL: url })
    const pdp = OpaClient.open({ ...opaOptions(config), headers: () => ({}), onCircuitChange: () => undefined })
    workspace.defer(() => pdp.close())
    return await ask(pdp)
  } finally {
    await workspace.close()
  }
}
