import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Right } from '../../src/bundles/server/access-tokens.ts'
import type { BundleVerifier } from '../../src/bundles/server/bundle-verifier.ts'
import { BundleClient } from '../../src/bundles/client.ts'
import type { EnvironmentStatus, PushAnswer } from '../../src/bundles/wire.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { buildBundle, signBundle } from '../../src/policy-tools/write-bundle.ts'
import { freePort } from '../../devkit/free-port.ts'
import { obtainOpa } from '../../devkit/obtain-opa.ts'
import type { Workspace } from '../../devkit/workspace.ts'
import type { Running } from '../../src/process/run-process.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { startBundles } from '../../workers/bundles.ts'
import { eventually } from './ledger.ts'
import { writeRevision } from './revisions.ts'

/** Who signs for which environment. `stranger` is registered nowhere. */
export const KEY_OF = { production: 'ops-production', staging: 'ops-staging', stranger: 'stranger' } as const
export type Signer = keyof typeof KEY_OF

const TOKENS = {
  pipeline: { production: ['push', 'read'], staging: ['push', 'read'] },
  sidecar: { production: ['pull', 'report'] },
  'staging-sidecar': { staging: ['pull', 'report'] },
  auditor: { production: ['read'], staging: ['read'] },
} as const satisfies Record<string, Partial<Record<'production' | 'staging', readonly Right[]>>>
export type TokenName = keyof typeof TOKENS

export type WantedBundle = {
  readonly revision: string
  readonly environment?: string
  /** `false` leaves it unsigned. */
  readonly signer?: Signer | false
  readonly scope?: string
  /** A folder of policies; by default one whose reasons name the revision. */
  readonly policies?: string
  readonly roots?: readonly string[]
}

/** Keys, tokens and a bundle server of one test file. */
export type BundleBench = {
  readonly workspace: Workspace
  readonly opa: string
  readonly dir: string
  readonly url: string
  readonly port: number
  readonly tokenFile: (name: TokenName) => string
  readonly token: (name: TokenName) => string
  readonly keyFile: (signer: Signer) => string
  readonly publicKeyFile: (signer: Signer) => string
  readonly client: (name: TokenName) => BundleClient
  /** The settings of a bundle server process. */
  readonly env: Readonly<Record<string, string>>
  /** Builds and signs a bundle, and returns its file. */
  readonly make: (wanted: WantedBundle) => Promise<string>
  readonly start: (verify?: BundleVerifier, overrides?: Readonly<Record<string, string>>) => Promise<Running>
  /** Pushes the file of a bundle, as a pipeline does. */
  readonly push: (file: string, environment?: string) => Promise<PushAnswer>
  readonly status: (environment?: string) => Promise<EnvironmentStatus>
}

/** Makes keys, tokens and settings in the workspace; `start` starts the server, always on the same port. */
export async function openBundleBench(workspace: Workspace): Promise<BundleBench> {
  const folder = await workspace.folder('bundle-bench')
  const { path: opa } = await obtainOpa({ say: () => undefined })
  const at = (name: string) => join(folder, name)
  const secrets = new Map<string, string>()
  for (const signer of Object.keys(KEY_OF)) await writeKeyPair(at(signer))
  for (const name of Object.keys(TOKENS)) {
    secrets.set(name, randomBytes(32).toString('hex'))
    await writeFile(at(`${name}.token`), `${secrets.get(name)}\n`)
  }
  const token = (name: TokenName) => secrets.get(name) ?? ''
  await writeFile(at('keys.json'), JSON.stringify(registered(['production', 'staging'])))
  await writeFile(at('tokens.json'), JSON.stringify({ tokens: hashed(secrets) }))
  const [dir, port] = [at('kept'), await freePort()]
  await mkdir(dir)
  const url = `http://127.0.0.1:${port}`
  const env = {
    JOBWARDEN_BUNDLES_PORT: `${port}`,
    JOBWARDEN_BUNDLES_OPA: opa,
    JOBWARDEN_BUNDLES_DIR: dir,
    JOBWARDEN_BUNDLES_KEYS_FILE: at('keys.json'),
    JOBWARDEN_BUNDLES_TOKENS_FILE: at('tokens.json'),
  }
  const tokenFile = (name: TokenName) => at(`${name}.token`)
  const client = (name: TokenName) => new BundleClient({ url, tokenFile: tokenFile(name) })
  let made = 0
  const make = async ({ revision, environment = 'production', signer = 'production', ...wanted }: WantedBundle) => {
    const file = at(`bundle-${(made += 1)}.tar.gz`)
    const policies = wanted.policies ?? (await writeRevision(workspace, revision))
    const manifest = { roots: wanted.roots ?? ['authz', 'data_filter', 'jobs'], metadata: { environment } }
    await buildBundle({ opa, policies, out: file, revision, manifest })
    const scope = wanted.scope ?? environment
    const key = { keyFile: at(`${signer || ''}.pem`), algorithm: 'ES256', scope } as const
    if (signer !== false) await signBundle({ opa, bundle: file, out: file, keyid: KEY_OF[signer], ...key })
    return file
  }
  return {
    workspace,
    opa,
    dir,
    url,
    port,
    tokenFile,
    token,
    client,
    env,
    make,
    keyFile: (signer) => at(`${signer}.pem`),
    publicKeyFile: (signer) => at(`${signer}.pub.pem`),
    start: (verify, overrides) =>
      startBundles({
        config: loadConfig({ ...env, ...overrides }),
        log: createLogger('test', 'silent'),
        ...(verify && { verify }),
      }),
    push: async (file, environment = 'production') => client('pipeline').push(environment, await readFile(file)),
    status: (environment = 'production') => client('auditor').status(environment),
  }
}

/** Waits until the first sidecar of an environment is as wanted. */
export function sidecarOnce(
  { status }: BundleBench,
  wanted: (sidecar: EnvironmentStatus['sidecars'][number]) => boolean,
  environment?: string,
): Promise<EnvironmentStatus['sidecars'][number]> {
  return eventually(async () => (await status(environment)).sidecars.find(wanted))
}

async function writeKeyPair(path: string): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  await writeFile(`${path}.pem`, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  await writeFile(`${path}.pub.pem`, publicKey.export({ type: 'spki', format: 'pem' }))
}

function registered(environments: readonly ('production' | 'staging')[]) {
  return Object.fromEntries(
    environments.map((name) => [
      name,
      { keys: [{ keyid: KEY_OF[name], algorithm: 'ES256', publicKeyFile: `${name}.pub.pem` }] },
    ]),
  )
}

function hashed(secrets: ReadonlyMap<string, string>) {
  return Object.entries(TOKENS).map(([name, rights]) => ({
    name,
    sha256: createHash('sha256')
      .update(secrets.get(name) ?? '')
      .digest('hex'),
    rights,
  }))
}
