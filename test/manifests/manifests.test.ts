import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type Workspace, openWorkspace } from '../../devkit/workspace.ts'
import { COMMAND_QUEUE } from '../../src/redis/queue-names.ts'
import { Settings } from '../../src/config/settings.ts'
import { DEPLOYED, FETCH_MS, build, buildWith, fetchTools } from './kustomize.ts'
import { type KubernetesObject, containerOf, environmentOf, ofKind, readObjects } from './objects.ts'
import { podProblems } from './pod-rules.ts'
import { imagesOf, rolloutProblems, scalingProblems, serviceProblems, unpinnedImages } from './rollout-rules.ts'

let workspace: Workspace
beforeAll(fetchTools, FETCH_MS)
beforeAll(async () => {
  workspace = await openWorkspace()
})
afterAll(() => workspace.close())

const RULES: readonly ((objects: readonly KubernetesObject[]) => readonly string[])[] = [
  podProblems,
  rolloutProblems,
  serviceProblems,
  scalingProblems,
  unpinnedImages,
]
const problemsOf = (manifests: string) => RULES.flatMap((rule) => rule(readObjects(manifests)))

test.each(DEPLOYED)('%s keeps every rule of pods, rollouts, services and images', async (folder) => {
  expect(problemsOf(await build(folder))).toEqual([])
})

test.each(['keda', 'hpa'])('components/%s alone decides how many authorizers there are', async (component) => {
  expect(problemsOf(await buildWith(workspace, 'overlays/sidecar', [`components/${component}`]))).toEqual([])
})

test('images are the ones that the Dockerfile makes and names', async () => {
  const { version } = z.looseObject({ version: z.string() }).parse(JSON.parse(await readFile('package.json', 'utf8')))
  const opa = /^FROM (openpolicyagent\/opa:\S+)/m.exec(await readFile('Dockerfile', 'utf8'))?.[1]
  expect(imagesOf(readObjects(await build('overlays/hybrid')))).toEqual([`jobwarden:${version}`, opa])
})

test('KEDA watches the queue of the commands, on the Redis of the workers', async () => {
  const objects = readObjects(await buildWith(workspace, 'overlays/sidecar', ['components/keda']))
  const Trigger = z.looseObject({ metadata: z.record(z.string(), z.string()) })
  const [scaled] = ofKind(objects, 'ScaledObject')
  const [trigger] = z.looseObject({ triggers: z.array(Trigger) }).parse(scaled?.spec).triggers
  const { JOBWARDEN_REDIS_URL: url = '' } = environmentOf(containerOf(objects, 'authorizer', 'authorizer'), objects)
  const { queuePrefix } = Settings.parse({})
  expect(trigger?.metadata).toMatchObject({
    listName: `${queuePrefix}:${COMMAND_QUEUE}:wait`,
    address: new URL(url).host,
    enableTLS: String(url.startsWith('rediss:')),
  })
})

describe('what breaks a rule is found', () => {
  const mistakes: readonly (readonly [string, string, string])[] = [
    [
      'authorizer: noToken: token of a service account',
      'automountServiceAccountToken: false',
      'automountServiceAccountToken: true',
    ],
    ['authorizer: noServiceLinks: service links', 'enableServiceLinks: false', 'enableServiceLinks: true'],
    ['authorizer: resources: authorizer', 'cpu: "1"\n            memory: 512Mi', 'memory: 512Mi'],
    ['authorizer: readOnly: opa', 'readOnlyRootFilesystem: true', 'readOnlyRootFilesystem: false'],
    ['authorizer: readOnly: authorizer', 'emptyDir:\n          sizeLimit: 64Mi\n        name: tmp', 'name: tmp'],
    ['authorizer: goLimits: opa', 'value: 435MiB', 'value: 512MiB'],
    ['authorizer: goLimits: opa', 'resource: limits.cpu', 'resource: requests.cpu'],
    ['authorizer: grace: 30 s, but 35 s are needed', 'GracePeriodSeconds: 35', 'GracePeriodSeconds: 30'],
    ['authorizer: grace: 35 s, but 39 s are needed', 'grace-period=5', 'grace-period=9'],
    ['authorizer: grace: 35 s, but 40 s are needed', 'SHUTDOWN_GRACE_MS: "25000"', 'SHUTDOWN_GRACE_MS: "30000"'],
    ['authorizer: sidecarFirst: opa', 'restartPolicy: Always', 'restartPolicy: Never'],
    ['authorizer: sidecarFirst: opa', '/health?bundles', '/health'],
    ['authorizer: filesMounted: /etc/opa/authz.rego', '  authz.rego: ', '  other.rego: '],
    ['authorizer: filesMounted: /run/secrets/authorizer/opa-token', 'path: opa-token', 'path: opa'],
    ['authorizer: ports: port probes', 'name: probes', 'name: probe'],
    [
      'authorizer: ports: port 8080',
      'containerPort: 8080\n          name: probes\n        readiness',
      'containerPort: 80\n          name: probes\n        readiness',
    ],
    ['authorizer: ports: port 8283', 'diagnostic-addr=0.0.0.0:8282', 'diagnostic-addr=0.0.0.0:8283'],
    ['authorizer: ports: scraped 8181', 'prometheus.io/port: "8282"', 'prometheus.io/port: "8181"'],
    [
      'authorizer: no budget',
      'maxUnavailable: 1\n  selector:\n    matchLabels:\n      app.kubernetes.io/component: authorizer',
      'maxUnavailable: 1\n  selector: { matchLabels: { a: b } }',
    ],
    ['auditor: a rollout takes pods away', 'maxUnavailable: 0', 'maxUnavailable: 1'],
    ['bundles: https', 'targetPort: http', 'targetPort: https'],
    ['jobwarden:latest', 'jobwarden:0.1.0', 'jobwarden:latest'],
    ['openpolicyagent/opa', 'openpolicyagent/opa:1.22.2-static', 'openpolicyagent/opa'],
  ]

  test.each(mistakes)('%s', async (problem, right, wrong) => {
    const manifests = await build('overlays/sidecar')
    expect(manifests.includes(right), 'the text to break is there').toBe(true)
    expect(problemsOf(manifests.replaceAll(right, wrong))).toContain(problem)
  })

  test('two scalers, and a manifest that decides as well', async () => {
    const keda = await buildWith(workspace, 'overlays/sidecar', ['components/keda'])
    const hpa = ofKind(
      readObjects(await buildWith(workspace, 'overlays/sidecar', ['components/hpa'])),
      'HorizontalPodAutoscaler',
    )
    expect(scalingProblems([...readObjects(keda), ...hpa])).toEqual(['authorizer: two scalers'])
    expect(scalingProblems([...readObjects(await build('overlays/sidecar')), ...hpa])).toEqual([
      'authorizer: the manifest decides as well',
    ])
  })
})
