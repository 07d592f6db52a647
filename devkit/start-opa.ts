import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { PoliciesRefused } from '../src/policy-tools/policy-problem.ts'
import { strayFiles } from '../src/policy-tools/stray-files.ts'
import { onFreePort } from './free-port.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import type { Workspace } from './workspace.ts'

export type OpaServerOptions = {
  readonly workspace: Workspace
  /** The program, as `obtainOpa` finds it. */
  readonly opa: string
  /**
   * Bundle files, or folders with the layout of one. Or `policies`: plain files, and folders with nothing but what their
   * bundles would hold. Tests in them are left out.
   */
  readonly bundle?: string | readonly string[]
  readonly policies?: string | readonly string[]
  readonly configFile?: string
  readonly extraArgs?: readonly string[]
  /** Go's settings of the process, such as GOGC. */
  readonly env?: Readonly<Record<string, string>>
  /** How long loading may take; much data takes long. */
  readonly readyWithinMs?: number
}

export type LocalOpa = { readonly url: string; readonly port: number; readonly server: ServerProcess }

/**
 * Starts an OPA and resolves once its policies are loaded. The workspace stops it when it closes.
 * A `system.authz` policy that guards its API has to allow `GET /health`, or it never counts as ready.
 * @throws PoliciesRefused when a folder has more than its bundle would hold
 */
export async function startOpa(options: OpaServerOptions): Promise<LocalOpa> {
  const { workspace, opa } = options
  await requireSameAsBundles([options.policies ?? []].flat())
  const sources = sourceArgs(options)
  const folder = await workspace.folder('opa')
  return onFreePort(async (port) => {
    const url = `http://127.0.0.1:${port}`
    const server = await startServer({
      name: 'opa',
      file: opa,
      args: [
        'run',
        '--server',
        '--addr',
        `127.0.0.1:${port}`,
        '--log-level',
        'error',
        '--skip-version-check',
        ...sources,
      ],
      cwd: folder,
      ...(options.env !== undefined && { env: { ...process.env, ...options.env } }),
      isReady: async (signal) => (await fetch(`${url}/health?bundles`, { signal })).ok,
      ...(options.readyWithinMs !== undefined && { readyWithinMs: options.readyWithinMs }),
    })
    workspace.defer(() => server.stop())
    return { url, port, server }
  })
}

/** From a folder, OPA loads data files with any name. Data that no sidecar will have must not be used here either. */
async function requireSameAsBundles(policies: readonly string[]): Promise<void> {
  const strays = await Promise.all(
    policies.map(async (path) => ((await stat(path)).isDirectory() ? strayFiles(path) : [])),
  )
  if (strays.flat().length > 0) throw new PoliciesRefused(strays.flat())
}

function sourceArgs({ bundle, policies, configFile, extraArgs = [] }: OpaServerOptions): readonly string[] {
  if (bundle !== undefined && policies !== undefined) throw new Error('OPA loads either bundles or plain policies')
  return [
    '--ignore',
    '*_test.rego',
    ...(configFile === undefined ? [] : ['--config-file', resolve(configFile)]),
    ...extraArgs,
    ...(bundle === undefined ? [] : ['--bundle']),
    ...[bundle ?? policies ?? []].flat().map((path) => resolve(path)),
  ]
}
