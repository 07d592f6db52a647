import { readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Workspace, openWorkspace } from '../../devkit/workspace.ts'
import { DEPLOYED, FETCH_MS, build, buildWith, fetchTools, validate } from './kustomize.ts'

let workspace: Workspace
beforeAll(fetchTools, FETCH_MS)
beforeAll(async () => {
  workspace = await openWorkspace()
})
afterAll(() => workspace.close())

test.each(DEPLOYED)('Kubernetes takes %s', async (folder) => {
  await expect(validate(workspace, await build(folder))).resolves.toBeUndefined()
})

test.each(['keda', 'hpa', 'tracing'])('Kubernetes takes components/%s on an overlay', async (component) => {
  const manifests = await buildWith(workspace, 'overlays/hybrid', [`components/${component}`])
  await expect(validate(workspace, manifests)).resolves.toBeUndefined()
})

test('Kubernetes takes the overlay that docs/kubernetes.md shows', async () => {
  const [, shown = ''] =
    /```yaml\n(# kustomization\.yaml\n[^`]+)```/.exec(await readFile('docs/kubernetes.md', 'utf8')) ?? []
  const folder = await workspace.folder('own')
  await symlink(process.cwd(), join(workspace.path, 'jobwarden'))
  await writeFile(join(folder, 'kustomization.yaml'), shown)
  const manifests = await build(folder)
  await expect(validate(workspace, manifests)).resolves.toBeUndefined()
  for (const own of [
    'rediss://redis.internal:6379',
    'ops-2026',
    'image: registry.internal/jobwarden:0.1.0',
    'ScaledObject',
  ])
    expect(manifests).toContain(own)
})

describe('what Kubernetes does not take is found', () => {
  const mistakes: readonly (readonly [string, string, string, RegExp])[] = [
    ['an unknown field', 'minReadySeconds:', 'minReadySecond:', /minReadySecond/],
    [
      'an unknown field deep inside',
      'readOnlyRootFilesystem: true',
      'readOnlyRootFileSystem: true',
      /readOnlyRootFileSystem/,
    ],
    ['a wrong type', 'replicas: 3', 'replicas: "3"', /replicas/],
    [
      'a value that is none of the possible',
      'whenUnsatisfiable: ScheduleAnyway',
      'whenUnsatisfiable: Never',
      /whenUnsatisfiable/,
    ],
    ['a quantity that is none', 'memory: 512Mi', 'memory: 512Mib', /memory/],
    ['a missing field', 'containerPort: 8282', 'protocol: TCP', /containerPort/],
    ['a kind of another version', 'apiVersion: policy/v1', 'apiVersion: policy/v2', /could not find schema/],
    ['a kind of another group', 'apiVersion: policy/v1', 'apiVersion: policy.example/v1', /apiVersion/],
    ['a field twice', 'replicas: 3', 'replicas: 3\n  replicas: 3', /replicas.*already/],
  ]

  test.each(mistakes)('%s', async (_, right, wrong, told) => {
    const manifests = await build('overlays/sidecar')
    expect(manifests.includes(right), 'the text to break is there').toBe(true)
    await expect(validate(workspace, manifests.replace(right, wrong))).rejects.toThrow(told)
  })

  test('a field that KEDA does not know', async () => {
    const manifests = await buildWith(workspace, 'overlays/sidecar', ['components/keda'])
    const wrong = manifests.replace('maxReplicaCount', 'maxReplicas')
    await expect(validate(workspace, wrong)).rejects.toThrow(/maxReplicas/)
  })
})
