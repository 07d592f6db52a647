import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Failure } from '../../src/domain/failure.ts'
import { freePort } from '../../devkit/free-port.ts'
import { obtainOpa } from '../../devkit/obtain-opa.ts'
import { runProgram } from '../../src/process/run-program.ts'
import { startServer } from '../../devkit/server-process.ts'
import { type Workspace, openWorkspace } from '../../devkit/workspace.ts'
import { requireNoServers } from '../servers/devkit/no-leaks.ts'
import { createAuthority } from '../support/certificates.ts'
import { aBatch, openClient } from '../support/pdp-client.ts'
import { FETCH_MS, build, fetchTools } from './kustomize.ts'
import { type Mounted, type Provided, mountContainer } from './mounted-pod.ts'
import { type Container, type KubernetesObject, containerOf, environmentOf, readObjects } from './objects.ts'
import { argument } from './pod-rules.ts'
import { type PolicySource, startPolicySource } from './policy-source.ts'

const BUNDLES_TOKEN = 'a-token-for-the-bundle-server-of-32'
const WORKER_TOKEN = 'a-token-of-the-worker-of-32-letters'

let workspace: Workspace
let opa: string
beforeAll(fetchTools, FETCH_MS)
beforeAll(async () => {
  workspace = await openWorkspace()
  opa = (await obtainOpa()).path
})
afterAll(async () => {
  await workspace.close()
  requireNoServers()
})

/** An OPA container of a manifest and what it is given, ready to run on this machine. */
async function prepare(overlay: string, workload: string, secrets: string, identities: unknown, more: Provided = {}) {
  const objects = readObjects(await build(overlay))
  const container = containerOf(objects, workload, 'opa')
  const { OPA_BUNDLE: bundle = '', OPA_BUNDLE_KEY_ID: keyid = '' } = environmentOf(container, objects)
  const source = await startPolicySource({ workspace, opa, bundle, keyid, token: BUNDLES_TOKEN })
  const mounted = await mountContainer(
    workspace,
    objects,
    { workload, container: 'opa' },
    {
      [secrets]: { 'identities.json': JSON.stringify(identities), 'bundles-token': BUNDLES_TOKEN },
      'bundle-key': { 'bundle-key.pub.pem': source.publicKey },
      ...more,
    },
  )
  return { objects, container, source, mounted }
}

/** Runs it with the very arguments, but on free ports. @returns the ports of its API and of its probes */
async function run({ mounted, container, source }: { mounted: Mounted; container: Container; source: PolicySource }) {
  const [api, diagnostic] = [await freePort(), await freePort()]
  const port = (name: string) => `:${argument(container, name)?.split(':').at(-1)}`
  const [apiPort, diagnosticPort] = [port('addr'), port('diagnostic-addr')]
  const args = mounted.args.map((arg) => {
    if (arg.startsWith('--addr=')) return arg.replace(apiPort, `:${api}`)
    return arg.startsWith('--diagnostic-addr=') ? arg.replace(diagnosticPort, `:${diagnostic}`) : arg
  })
  const probe = (path = '/health') => fetch(`http://127.0.0.1:${diagnostic}${path}`)
  const env = { PATH: '', ...mounted.env, OPA_INSTANCE: 'pod-1', OPA_BUNDLES_URL: source.url }
  const server = await startServer({
    name: 'opa',
    file: opa,
    args,
    env,
    stopSignal: 'SIGKILL',
    isReady: async () => (await probe()).ok,
  })
  workspace.defer(() => server.stop())
  return { api, probe }
}

const paths = ({ startupProbe, readinessProbe, livenessProbe }: Container) =>
  [startupProbe, readinessProbe, livenessProbe].map((probe) => probe?.httpGet?.path)

describe('the sidecar as the manifest starts it', () => {
  test('holds the worker back until it has a verified bundle, and then answers it alone', async () => {
    const identities = { worker: [WORKER_TOKEN], operator: [] }
    const prepared = await prepare('overlays/sidecar', 'authorizer', 'opa-secrets', identities)
    const { api, probe } = await run(prepared)
    const [startup = '', readiness, liveness] = paths(prepared.container)
    expect((await probe(liveness)).status).toBe(200)
    expect([(await probe(startup)).status, (await probe(readiness)).status]).toEqual([500, 500])

    prepared.source.publish()
    await expect.poll(async () => (await probe(startup)).status, { timeout: 20_000 }).toBe(200)
    expect((await probe(readiness)).status).toBe(200)
    expect(await (await probe('/metrics')).text()).toContain('bundle_loaded_counter')
    expect((await probe('/v1/data')).status).not.toBe(200)

    const url = `http://127.0.0.1:${api}`
    await using client = await openClient({ url, tokenFile: await tokenFile(prepared.objects) })
    expect((await client.decide(aBatch(3))).size).toBe(3)
    expect(await client.revision()).toBe('tested')

    const ask = (path: string, init: RequestInit) => fetch(`${url}${path}`, init)
    const headers = { authorization: `Bearer ${WORKER_TOKEN}` }
    const body = JSON.stringify({ input: { requests: {} } })
    const decisions = '/v1/data/jobs/decisions?strict-builtin-errors=true'
    expect((await ask(decisions, { method: 'POST', body, headers })).status).toBe(200)
    expect((await ask(decisions, { method: 'POST', body })).status).toBe(401)
    expect((await ask('/v1/policies/authz', { method: 'PUT', body: 'package authz', headers })).status).toBe(401)
    expect((await ask('/v1/data', { headers })).status).toBe(401)
  })

  test('does not start on the folder of a ConfigMap instead of its files', async () => {
    const { mounted } = await prepare('overlays/sidecar', 'authorizer', 'opa-secrets', {})
    const checked = runProgram(opa, ['check', mounted.file('/etc/opa')])
    await expect(checked).rejects.toThrow(/redeclared/)
  })
})

/** The worker's own file, where its manifest mounts it. */
async function tokenFile(objects: readonly KubernetesObject[]): Promise<string> {
  const files = { 'redis-password': 'x', 'database-url': 'x', 'producer-keys.json': 'x', 'opa-token': WORKER_TOKEN }
  const { env } = await mountContainer(
    workspace,
    objects,
    { workload: 'authorizer', container: 'authorizer' },
    { 'authorizer-secrets': files },
  )
  return env['JOBWARDEN_OPA_TOKEN_FILE'] ?? ''
}

test('the shared OPA answers the certificate that it knows, and no other of the same authority', async () => {
  const authority = await createAuthority(workspace)
  const issue = async (commonName: string) => {
    const { certFile, keyFile } = await authority.issue('IP:127.0.0.1', 1, commonName)
    return { caFile: authority.caFile, certFile, keyFile }
  }
  const own = await issue('opa')
  const [tlsCrt, tlsKey, caCrt] = await Promise.all(
    [own.certFile, own.keyFile, own.caFile].map((file) => readFile(file, 'utf8')),
  )
  const tls = { 'tls.crt': tlsCrt ?? '', 'tls.key': tlsKey ?? '', 'ca.crt': caCrt ?? '' }
  const identities = { worker: ['CN=authorizer'], operator: [] }
  const prepared = await prepare('overlays/shared-opa', 'opa', 'shared-opa-secrets', identities, {
    'opa-server-tls': tls,
  })
  prepared.source.publish()
  const { api, probe } = await run(prepared)
  await expect.poll(async () => (await probe('/health?bundles')).status, { timeout: 20_000 }).toBe(200)

  const url = `https://127.0.0.1:${api}`
  const decided = async (access: Partial<Awaited<ReturnType<typeof issue>>>) => {
    await using client = await openClient({ url, ...access })
    return (await client.decide(aBatch(2))).size
  }
  expect(await decided(await issue('authorizer'))).toBe(2)
  await expect(decided(await issue('somebody'))).rejects.toThrow(Failure)
  await expect(decided({ caFile: authority.caFile })).rejects.toThrow(Failure)
  await expect(fetch(`http://127.0.0.1:${api}/health`).then(({ status }) => status)).resolves.toBe(400)
})
