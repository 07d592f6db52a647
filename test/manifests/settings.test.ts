import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { loadConfig } from '../../src/config/load-config.ts'
import { readBundleRegistry, readBundleTokens } from '../../src/config/read-bundle-registry.ts'
import { readProducerKeys } from '../../src/config/read-producer-keys.ts'
import type { Config } from '../../src/config/settings.ts'
import { runProgram } from '../../src/process/run-program.ts'
import { type Workspace, openWorkspace } from '../../devkit/workspace.ts'
import { DEPLOYED, FETCH_MS, build, buildWith, fetchTools } from './kustomize.ts'
import { type Provided, mountContainer } from './mounted-pod.ts'
import { type KubernetesObject, containersOf, ofKind, readObjects, workloads } from './objects.ts'

let workspace: Workspace
let secrets: Provided
beforeAll(fetchTools, FETCH_MS)
beforeAll(async () => {
  workspace = await openWorkspace()
  const key = await runProgram('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout'])
  const keyFile = `${workspace.path}/key.pem`
  await runProgram('sh', ['-c', 'umask 077 && printf %s "$1" > "$2"', 'sh', key, keyFile])
  const publicKey = await runProgram('openssl', ['ec', '-in', keyFile, '-pubout'])
  const worker = { 'redis-password': 'a-password', 'database-url': 'postgres://user:password@host/db' }
  const producers = { keys: [{ kty: 'oct', kid: 'shop', alg: 'HS256', k: 'A'.repeat(43) }] }
  const registry = { production: { keys: [{ keyid: 'ops', algorithm: 'ES256', publicKeyFile: 'bundle-key.pub.pem' }] } }
  const tokens = { tokens: [{ name: 'sidecars', sha256: 'a'.repeat(64), rights: { production: ['pull', 'report'] } }] }
  const tls = { 'tls.crt': 'x', 'tls.key': 'x', 'ca.crt': 'x' }
  secrets = {
    'authorizer-secrets': { ...worker, 'opa-token': 'a-token', 'producer-keys.json': JSON.stringify(producers) },
    'auditor-secrets': { ...worker, 'bundles-token': 'a-token' },
    'owner-secrets': worker,
    'opa-client-tls': tls,
    'bundles-secrets': {
      'keys.json': JSON.stringify(registry),
      'tokens.json': JSON.stringify(tokens),
      'bundle-key.pub.pem': publicKey,
    },
  }
})
afterAll(() => workspace.close())

/** The configuration that each role of jobwarden reads from its container. */
async function configurations(objects: readonly KubernetesObject[]): Promise<ReadonlyMap<string, Config>> {
  const found = new Map<string, Config>()
  for (const { name: workload, template } of workloads(objects))
    for (const { name, image } of containersOf(template).filter((each) => each.image.startsWith('jobwarden:'))) {
      const { env } = await mountContainer(workspace, objects, { workload, container: name }, secrets)
      expect(image).toMatch(/^jobwarden:/)
      found.set(name, loadConfig({ ...env, JOBWARDEN_PROBE_PORT: env['JOBWARDEN_PROBE_PORT'] ?? '8080' }))
    }
  return found
}

test.each(DEPLOYED)('every role of %s takes its settings and the files that it is given', async (folder) => {
  const configs = await configurations(readObjects(await build(folder)))
  expect([...configs.keys()]).toEqual(folder === 'migrate' ? ['migrate'] : ['auditor', 'authorizer', 'bundles'])
  const { bundlesKeysFile = '', bundlesTokensFile = '' } = configs.get('bundles') ?? {}
  if (folder === 'migrate') return
  expect((await readProducerKeys(configs.get('authorizer')?.producerKeysFile)).keys).toHaveLength(1)
  const registry = await readBundleRegistry(bundlesKeysFile)
  expect(await readBundleTokens(bundlesTokensFile, registry)).toHaveLength(1)
})

test('a Redis of one’s own, and traces, are told to every worker', async () => {
  const configs = await configurations(readObjects(await build('overlays/dev')))
  expect(['authorizer', 'auditor'].map((role) => configs.get(role)?.redisUrl)).toEqual([
    'redis://redis:6379',
    'redis://redis:6379',
  ])
  const traced = readObjects(await buildWith(workspace, 'overlays/hybrid', ['components/tracing']))
  const maps = ofKind(traced, 'ConfigMap').map(({ data = {} }) => data['OTEL_TRACES_EXPORTER'] ?? data['OPA_TRACING'])
  expect(maps.filter((value) => value !== undefined)).toEqual(['otlp', 'grpc'])
})

test('the worker asks the OPA that the overlay gives it', async () => {
  const sidecar = (await configurations(readObjects(await build('overlays/hybrid')))).get('authorizer')
  expect(sidecar).toMatchObject({ opaUrl: 'http://127.0.0.1:8181', opaTokenFile: expect.stringContaining('opa-token') })
  const shared = (await configurations(readObjects(await build('overlays/shared-opa')))).get('authorizer')
  expect(shared).toMatchObject({ opaUrl: 'https://opa:8181', opaCertFile: expect.stringContaining('tls.crt') })
  expect(shared?.opaTokenFile).toBeUndefined()
})

/** Every key of a Secret that something reads, and what is in a ConfigMap that no manifest holds. */
function provided(objects: readonly KubernetesObject[]): readonly (readonly [string, string])[] {
  const held = new Set(ofKind(objects, 'ConfigMap').map(({ metadata }) => metadata.name))
  const Reads = z.looseObject({ secretTargetRef: z.array(z.looseObject({ name: z.string(), key: z.string() })) })
  const mounted = workloads(objects).flatMap(({ template }) =>
    template.spec.volumes.flatMap(({ secret, configMap }) => {
      const name = secret?.secretName ?? configMap?.name ?? ''
      const items = (secret ?? configMap)?.items ?? []
      return held.has(name) ? [] : items.map(({ key }) => [name, key] as const)
    }),
  )
  const scaler = ofKind(objects, 'TriggerAuthentication').flatMap(({ spec }) =>
    Reads.parse(spec).secretTargetRef.map(({ name, key }) => [name, key] as const),
  )
  return [...mounted, ...scaler]
}

test('docs/kubernetes.md names every secret to create, with every key', async () => {
  const page = await readFile('docs/kubernetes.md', 'utf8')
  const rows = page.split('\n').filter((line) => line.startsWith('| `'))
  const manifests = [
    ...(await Promise.all(DEPLOYED.map(build))),
    await buildWith(workspace, 'overlays/sidecar', ['components/keda']),
  ]
  const needed = manifests.flatMap((each) => provided(readObjects(each)))
  expect(needed.length).toBeGreaterThan(10)
  const missing = needed.filter(
    ([name, key]) => !rows.some((row) => row.startsWith(`| \`${name}\``) && row.includes(`\`${key}\``)),
  )
  expect(missing).toEqual([])
  const names = new Set(needed.map(([name]) => name))
  const stale = rows
    .map((row) => /^\| `([a-z-]+-(?:secrets|tls)|bundle-key)`/.exec(row)?.[1] ?? '')
    .filter((name) => name !== '' && !names.has(name))
  expect(stale).toEqual([])
})
