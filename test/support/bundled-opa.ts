import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { onFreePort } from '../../devkit/free-port.ts'
import { startServer } from '../../devkit/server-process.ts'
import type { LocalOpa } from '../../devkit/start-opa.ts'
import { type BundleBench, KEY_OF, type TokenName } from './bundle-bench.ts'

export type BundledOpaOptions = {
  /** The label `instance`, by which the bundle server knows it. */
  readonly instance: string
  readonly environment?: 'production' | 'staging'
  readonly token?: TokenName
  /** The bundle server, when it is reached by TLS, and the authority that signs its certificate. */
  readonly url?: string
  readonly caFile?: string
  /** Wait until its bundle is active; without, it only has to answer. */
  readonly activated?: boolean
}

/** A sidecar as it is deployed: it gets its policies from the bundle server, verifies them, and reports what it runs. */
export async function startBundledOpa(bench: BundleBench, options: BundledOpaOptions): Promise<LocalOpa> {
  const { instance, environment = 'production', token = 'sidecar', activated = true, caFile } = options
  const folder = await bench.workspace.folder('bundled-opa')
  const configFile = join(folder, 'opa.yaml')
  const keyid = KEY_OF[environment]
  // YAML that is JSON as well.
  await writeFile(
    configFile,
    JSON.stringify({
      labels: { instance },
      services: {
        bundles: {
          url: options.url ?? bench.url,
          credentials: { bearer: { token_path: bench.tokenFile(token) } },
          ...(caFile !== undefined && { tls: { ca_cert: caFile } }),
        },
      },
      keys: { [keyid]: { algorithm: 'ES256' } },
      bundles: {
        [environment]: {
          service: 'bundles',
          resource: `bundles/${environment}`,
          polling: { long_polling_timeout_seconds: 30, min_delay_seconds: 0, max_delay_seconds: 1 },
          signing: { keyid, scope: environment },
        },
      },
      status: { service: 'bundles' },
    }),
  )
  const key = `keys.${keyid}.key=${bench.publicKeyFile(environment)}`
  return onFreePort(async (port) => {
    const url = `http://127.0.0.1:${port}`
    const server = await startServer({
      name: `opa ${instance}`,
      file: bench.opa,
      args: `run --server --addr 127.0.0.1:${port} --log-level error --skip-version-check --set-file ${key}`
        .split(' ')
        .concat('--config-file', configFile),
      cwd: folder,
      isReady: async (signal) => (await fetch(`${url}/health${activated ? '?bundles' : ''}`, { signal })).ok,
    })
    bench.workspace.defer(() => server.stop())
    return { url, port, server }
  })
}

/** What the sidecar says of a guest who wants to read: the message of its reason, and the revision that it names. */
export async function whatDecides({ url }: LocalOpa): Promise<{ readonly says: string; readonly revision: string }> {
  const request = { user: { id: 'guest_1', role: 'guest' }, action: 'read', resource: { type: 'document', id: 'x' } }
  const response = await fetch(`${url}/v1/data/jobs/decisions`, {
    method: 'POST',
    body: JSON.stringify({ input: { requests: { it: request } } }),
  })
  const { result } = Decisions.parse(await response.json())
  return { says: result.answers.it.reasons[0]?.message ?? '', revision: result.revision }
}

const Decisions = z.object({
  result: z.object({
    revision: z.string(),
    answers: z.object({ it: z.object({ reasons: z.array(z.object({ message: z.string() })) }) }),
  }),
})
