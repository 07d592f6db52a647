import { z } from 'zod'
import { type KubernetesObject, Selector, type Workload, ofKind, selects, workloads } from './objects.ts'

const Peer = z.strictObject({
  podSelector: Selector.optional(),
  namespaceSelector: Selector.optional(),
  ipBlock: z.strictObject({ cidr: z.string() }).optional(),
})
type Peer = z.infer<typeof Peer>

const Ports = z.array(z.strictObject({ protocol: z.enum(['TCP', 'UDP']), port: z.number() }))

const Policy = z.strictObject({
  podSelector: Selector.prefault({}),
  policyTypes: z.array(z.enum(['Ingress', 'Egress'])),
  ingress: z.array(z.strictObject({ from: z.array(Peer), ports: Ports })).default([]),
  egress: z.array(z.strictObject({ to: z.array(Peer), ports: Ports })).default([]),
})
type Policy = z.infer<typeof Policy>

/**
 * Every connection that the NetworkPolicies allow, such as `authorizer -> bundles:8383`. Between two pods of the namespace
 * both sides have to allow it; where only one does, it ends in `(half open)`.
 */
export function connections(objects: readonly KubernetesObject[]): readonly string[] {
  const policies = ofKind(objects, 'NetworkPolicy').map(({ spec }) => Policy.parse(spec))
  const pods = workloads(objects)
  const out = pods.flatMap((pod) => allowed(policies, pods, pod, 'Egress').map((to) => `${pod.name} -> ${to}`))
  const into = pods.flatMap((pod) => allowed(policies, pods, pod, 'Ingress').map((from) => oneWay(from, pod.name)))
  const within = (connection: string) =>
    pods.some(({ name }) => connection.startsWith(`${name} -> `)) &&
    pods.some(({ name }) => connection.includes(`-> ${name}:`))
  const both = new Set(out).intersection(new Set(into))
  const all = [...out, ...into].map((connection) =>
    within(connection) && !both.has(connection) ? `${connection} (half open)` : connection,
  )
  return [...new Set(all)].sort()
}

/** Pods that no policy of their own is about: `deny-all` alone means that nobody thought of them. */
export function unguardedPods(objects: readonly KubernetesObject[]): readonly string[] {
  const policies = ofKind(objects, 'NetworkPolicy').map(({ spec }) => Policy.parse(spec))
  const named = policies.filter(
    ({ podSelector: { matchLabels, matchExpressions } }) =>
      [...Object.keys(matchLabels), ...matchExpressions.filter(({ operator }) => operator === 'In')].length > 0,
  )
  const deniesAll = policies.some(
    (policy) =>
      meansAll(policy.podSelector) &&
      policy.policyTypes.length === 2 &&
      [...policy.ingress, ...policy.egress].length === 0,
  )
  return workloads(objects)
    .filter(
      ({ template }) => !deniesAll || !named.some(({ podSelector }) => selects(podSelector, template.metadata.labels)),
    )
    .map(({ name }) => name)
}

function allowed(
  policies: readonly Policy[],
  pods: readonly Workload[],
  pod: Workload,
  way: 'Ingress' | 'Egress',
): readonly string[] {
  return policies
    .filter(
      ({ podSelector, policyTypes }) => policyTypes.includes(way) && selects(podSelector, pod.template.metadata.labels),
    )
    .flatMap((policy) =>
      way === 'Egress'
        ? policy.egress.map(({ to, ports }) => ({ peers: to, ports }))
        : policy.ingress.map(({ from, ports }) => ({ peers: from, ports })),
    )
    .flatMap(({ peers, ports }) =>
      peers
        .flatMap((peer) => peerNames(peer, pods))
        .flatMap((name) => ports.map(({ protocol, port }) => `${name}:${port}${protocol === 'UDP' ? '/udp' : ''}`)),
    )
}

function peerNames({ podSelector, namespaceSelector, ipBlock }: Peer, pods: readonly Workload[]): readonly string[] {
  if (ipBlock !== undefined) return [ipBlock.cidr]
  if (namespaceSelector !== undefined)
    return [
      Object.entries(namespaceSelector.matchLabels)
        .map(([key, value]) => (key === 'kubernetes.io/metadata.name' ? value : key))
        .join(),
    ]
  return podSelector === undefined
    ? []
    : pods.filter(({ template }) => selects(podSelector, template.metadata.labels)).map(({ name }) => name)
}

// An allowed origin comes as `name:port` of the destination.
function oneWay(from: string, to: string): string {
  const end = from.lastIndexOf(':')
  return `${from.slice(0, end)} -> ${to}${from.slice(end)}`
}

function meansAll({ matchLabels, matchExpressions }: Selector): boolean {
  return Object.keys(matchLabels).length === 0 && matchExpressions.length === 0
}
