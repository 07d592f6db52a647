import { parseAllDocuments } from 'yaml'
import { z } from 'zod'

const names = z.record(z.string(), z.string())

/** Which pods are meant. An empty one means all. */
export const Selector = z.strictObject({
  matchLabels: names.default({}),
  matchExpressions: z
    .array(z.strictObject({ key: z.string(), operator: z.enum(['In', 'NotIn']), values: z.array(z.string()) }))
    .default([]),
})
export type Selector = z.infer<typeof Selector>

const Probe = z.looseObject({
  httpGet: z.looseObject({ path: z.string(), port: z.union([z.string(), z.number()]) }).optional(),
  tcpSocket: z.looseObject({ port: z.union([z.string(), z.number()]) }).optional(),
})

const Container = z.looseObject({
  name: z.string(),
  image: z.string(),
  restartPolicy: z.string().optional(),
  args: z.array(z.string()).default([]),
  env: z
    .array(
      z.looseObject({
        name: z.string(),
        value: z.string().optional(),
        valueFrom: z
          .looseObject({
            resourceFieldRef: z
              .looseObject({ containerName: z.string(), resource: z.string(), divisor: z.string() })
              .optional(),
          })
          .optional(),
      }),
    )
    .default([]),
  envFrom: z.array(z.strictObject({ configMapRef: z.strictObject({ name: z.string() }) })).default([]),
  resources: z
    .looseObject({
      requests: z.record(z.string(), z.string()).default({}),
      limits: z.record(z.string(), z.string()).default({}),
    })
    .default({ requests: {}, limits: {} }),
  ports: z.array(z.looseObject({ name: z.string(), containerPort: z.number() })).default([]),
  startupProbe: Probe.optional(),
  readinessProbe: Probe.optional(),
  livenessProbe: Probe.optional(),
  securityContext: z.looseObject({ readOnlyRootFilesystem: z.boolean().optional() }).default({}),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })).default([]),
})
export type Container = z.infer<typeof Container>

const Keys = z.array(z.looseObject({ key: z.string(), path: z.string() }))

const PodTemplate = z.looseObject({
  metadata: z.looseObject({ labels: names.default({}), annotations: names.default({}) }),
  spec: z.looseObject({
    serviceAccountName: z.string().optional(),
    automountServiceAccountToken: z.boolean().optional(),
    enableServiceLinks: z.boolean().optional(),
    terminationGracePeriodSeconds: z.number().default(30),
    topologySpreadConstraints: z.array(z.looseObject({ labelSelector: Selector })).default([]),
    initContainers: z.array(Container).default([]),
    containers: z.array(Container),
    volumes: z
      .array(
        z.looseObject({
          name: z.string(),
          emptyDir: z.looseObject({}).optional(),
          secret: z.looseObject({ secretName: z.string(), items: Keys.optional() }).optional(),
          configMap: z.looseObject({ name: z.string(), items: Keys.optional() }).optional(),
        }),
      )
      .default([]),
  }),
})
export type PodTemplate = z.infer<typeof PodTemplate>

const KubernetesObject = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional(), labels: names.default({}) }),
  data: names.optional(),
  spec: z.unknown().optional(),
})
export type KubernetesObject = z.infer<typeof KubernetesObject>

/** Something that makes pods. `replicas` is undefined where a scaler decides. */
export type Workload = {
  readonly kind: string
  readonly name: string
  readonly replicas?: number | undefined
  readonly template: PodTemplate
}

const Makes = z.looseObject({ replicas: z.number().optional(), template: PodTemplate })

/** Reads manifests as kubectl does: by the rules of YAML 1.1, where 0440 is octal. */
export function readObjects(manifests: string): readonly KubernetesObject[] {
  return parseAllDocuments(manifests, { version: '1.1' }).map((document) => KubernetesObject.parse(document.toJS()))
}

/** Everything that makes pods. */
export function workloads(objects: readonly KubernetesObject[]): readonly Workload[] {
  return ofKind(objects, 'Deployment', 'StatefulSet', 'DaemonSet', 'Job').map(({ kind, metadata, spec }) => ({
    kind,
    name: metadata.name,
    ...Makes.parse(spec),
  }))
}

export function ofKind(objects: readonly KubernetesObject[], ...kinds: readonly string[]): readonly KubernetesObject[] {
  return objects.filter(({ kind }) => kinds.includes(kind))
}

/** The containers of a pod, sidecars first. */
export function containersOf({ spec }: PodTemplate): readonly Container[] {
  return [...spec.initContainers, ...spec.containers]
}

/** The pod's container of that name. @throws Error when it has none */
export function containerOf(objects: readonly KubernetesObject[], workload: string, name: string): Container {
  const template = workloads(objects).find((each) => each.name === workload)?.template
  const container = template === undefined ? undefined : containersOf(template).find((each) => each.name === name)
  if (container === undefined) throw new Error(`${workload} has no container ${name}`)
  return container
}

/** What a container finds in its environment, without what Kubernetes knows only when it starts the pod. */
export function environmentOf(
  container: Container,
  objects: readonly KubernetesObject[],
): Readonly<Record<string, string>> {
  const maps = container.envFrom.map(({ configMapRef: { name } }) => {
    const map = ofKind(objects, 'ConfigMap').find(({ metadata }) => metadata.name === name)
    if (map === undefined) throw new Error(`${container.name}: there is no ConfigMap ${name}`)
    return map.data ?? {}
  })
  const own = container.env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const]))
  return Object.fromEntries([...maps.flatMap((map) => Object.entries(map)), ...own])
}

/** Whether a selector means pods with these labels. */
export function selects(
  { matchLabels, matchExpressions }: Selector,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values }) => values.includes(labels[key] ?? '') === (operator === 'In'))
  )
}
