import { beforeAll, describe, expect, test } from 'vitest'
import { openWorkspace } from '../../devkit/workspace.ts'
import { connections, unguardedPods } from './connections.ts'
import { DEPLOYED, FETCH_MS, build, buildWith, fetchTools } from './kustomize.ts'
import { readObjects } from './objects.ts'

beforeAll(fetchTools, FETCH_MS)

const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16']
const dns = (...pods: readonly string[]) =>
  pods.flatMap((pod) => [`${pod} -> kube-system:53`, `${pod} -> kube-system:53/udp`])
const outside = (port: number, ...pods: readonly string[]) =>
  pods.flatMap((pod) => PRIVATE.map((range) => `${pod} -> ${range}:${port}`))
const managed = [...outside(6379, 'authorizer', 'auditor'), ...outside(5432, 'authorizer', 'auditor')]

const ALLOWED: Readonly<Record<(typeof DEPLOYED)[number], readonly string[]>> = {
  migrate: [...dns('migrate'), ...outside(5432, 'migrate')],
  'overlays/sidecar': [
    ...dns('authorizer', 'auditor'),
    ...managed,
    'authorizer -> bundles:8383',
    'auditor -> bundles:8383',
    'monitoring -> authorizer:8282',
  ],
  'overlays/shared-opa': [
    ...dns('authorizer', 'auditor', 'opa'),
    ...managed,
    'authorizer -> opa:8181',
    'opa -> bundles:8383',
    'auditor -> bundles:8383',
    'monitoring -> opa:8282',
  ],
  'overlays/hybrid': [
    ...dns('authorizer', 'auditor', 'opa'),
    ...managed,
    'authorizer -> bundles:8383',
    'opa -> bundles:8383',
    'auditor -> bundles:8383',
    'jobwarden/asks-opa -> opa:8181',
    'monitoring -> authorizer:8282',
    'monitoring -> opa:8282',
  ],
  'overlays/dev': [
    ...dns('authorizer', 'auditor', 'redis', 'postgres'),
    'authorizer -> redis:6379',
    'auditor -> redis:6379',
    'authorizer -> postgres:5432',
    'auditor -> postgres:5432',
    'authorizer -> bundles:8383',
    'auditor -> bundles:8383',
    'monitoring -> authorizer:8282',
  ],
}

test.each(DEPLOYED)('%s allows these connections and no other', async (folder) => {
  expect(connections(readObjects(await build(folder)))).toEqual([...ALLOWED[folder]].sort())
})

test('components/tracing adds the way to the collector, and nothing else', async () => {
  await using workspace = await openWorkspace()
  const traced = await buildWith(workspace, 'overlays/shared-opa', ['components/tracing'])
  const before = new Set(ALLOWED['overlays/shared-opa'])
  const added = connections(readObjects(traced)).filter((connection) => !before.has(connection))
  expect(added).toEqual(
    ['auditor', 'authorizer', 'opa'].flatMap((pod) => [`${pod} -> observability:4317`, `${pod} -> observability:4318`]),
  )
})

test.each(DEPLOYED)('every pod of %s has policies, and what they leave out is denied', async (folder) => {
  expect(unguardedPods(readObjects(await build(folder)))).toEqual([])
})

describe('holes are found', () => {
  test('a pod that no policy is about', async () => {
    const manifests = await build('overlays/sidecar')
    const labels = 'app.kubernetes.io/component: auditor\n        app.kubernetes.io/name: jobwarden'
    expect(manifests).toContain(labels)
    const renamed = manifests.replace(labels, labels.replace('auditor', 'other'))
    expect(unguardedPods(readObjects(renamed))).toEqual(['auditor'])
  })

  test('nothing that denies the rest', async () => {
    const manifests = (await build('overlays/sidecar')).replace(
      'podSelector: {}',
      'podSelector: { matchLabels: { a: b } }',
    )
    expect(unguardedPods(readObjects(manifests))).toEqual(['auditor', 'authorizer', 'bundles'])
  })

  test('a connection that one side alone allows', async () => {
    const manifests = (await build('overlays/shared-opa')).replace(
      'port: 8181\n      protocol',
      'port: 8182\n      protocol',
    )
    expect(connections(readObjects(manifests)).filter((each) => each.endsWith('(half open)'))).toHaveLength(2)
  })
})
