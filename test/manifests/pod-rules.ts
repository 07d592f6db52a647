import {
  type Container,
  type KubernetesObject,
  type Workload,
  containersOf,
  environmentOf,
  ofKind,
  workloads,
} from './objects.ts'

/** What is wrong with a pod by one rule; names of containers, or words that say it. */
export type PodRule = (pod: Workload, objects: readonly KubernetesObject[]) => readonly string[]

const MIB: Readonly<Record<string, number>> = { Mi: 1, Gi: 1024 }
const RESERVE_SECONDS = 5

/** A quantity of memory in MiB. @throws Error for a unit that nobody uses here */
function mebibytes(quantity: string): number {
  const [, number = '', unit = ''] = /^(\d+)([A-Z]i)B?$/.exec(quantity) ?? []
  const factor = MIB[unit]
  if (factor === undefined) throw new Error(`${quantity}: Mi and Gi are known here`)
  return Number(number) * factor
}

const isOpa = ({ image }: Container) => image.startsWith('openpolicyagent/opa:')
const isOurs = (container: Container) => isOpa(container) || container.image.startsWith('jobwarden:')
const namesOf = (containers: readonly Container[]) => containers.map(({ name }) => name)

/** The value of `--name=value` among the arguments. */
export function argument({ args }: Container, name: string): string | undefined {
  return args.find((each) => each.startsWith(`--${name}=`))?.slice(name.length + 3)
}

/** Nothing in a pod talks to Kubernetes, so nothing may carry a key to it. */
const noToken: PodRule = ({ template: { spec } }, objects) => {
  const account = ofKind(objects, 'ServiceAccount').find(({ metadata }) => metadata.name === spec.serviceAccountName)
  const both = [spec.automountServiceAccountToken, account?.['automountServiceAccountToken']]
  return both.every((mounted) => mounted === false) ? [] : ['token of a service account']
}

/** A Service named x gives every pod X_PORT, and a setting that does not exist keeps a worker from starting. */
const noServiceLinks: PodRule = ({ template: { spec } }) => (spec.enableServiceLinks === false ? [] : ['service links'])

const resources: PodRule = ({ template }) =>
  namesOf(
    containersOf(template).filter(({ resources: { requests, limits } }) =>
      [requests, limits].some(({ cpu, memory }) => cpu === undefined || memory === undefined),
    ),
  )

/** Nothing in an image is writable; what programs need is an empty folder. */
const readOnly: PodRule = ({ template }) =>
  namesOf(
    containersOf(template).filter((container) => {
      const tmp = container.volumeMounts.find(({ mountPath }) => mountPath === '/tmp')
      const volume = template.spec.volumes.find(({ name }) => name === tmp?.name)
      return !container.securityContext.readOnlyRootFilesystem || (isOurs(container) && volume?.emptyDir === undefined)
    }),
  )

/** Go collects garbage by 85 % of the memory limit, and runs on as many cores as it has. */
const goLimits: PodRule = ({ template }, objects) =>
  namesOf(
    containersOf(template)
      .filter(isOpa)
      .filter((container) => {
        const most = mebibytes(container.resources.limits['memory'] ?? '')
        const set = mebibytes(environmentOf(container, objects)['GOMEMLIMIT'] ?? '')
        const cores = container.env.find(({ name }) => name === 'GOMAXPROCS')?.valueFrom?.resourceFieldRef
        const own = cores?.containerName === container.name && cores.resource === 'limits.cpu' && cores.divisor === '1'
        return set !== Math.floor(most * 0.85) || !own
      }),
  )

/** A pod is given as long as its containers take one after the other, and some seconds. */
const grace: PodRule = ({ template }, objects) => {
  const seconds = containersOf(template)
    .filter(isOurs)
    .map((container) => {
      if (!isOpa(container))
        return Number(environmentOf(container, objects)['JOBWARDEN_SHUTDOWN_GRACE_MS'] ?? NaN) / 1_000
      return (
        Number(argument(container, 'shutdown-wait-period') ?? 0) +
        Number(argument(container, 'shutdown-grace-period') ?? 10)
      )
    })
    .filter((each) => !Number.isNaN(each))
  if (seconds.length === 0) return []
  const needed = seconds.reduce((sum, each) => sum + each, RESERVE_SECONDS)
  const { terminationGracePeriodSeconds: given } = template.spec
  return given === needed ? [] : [`${given} s, but ${needed} s are needed`]
}

/** OPA starts before the worker, with policies, and ends after it. */
const sidecarFirst: PodRule = ({ name, template: { spec } }) => {
  if (name === 'opa') return []
  const wrong = spec.containers.filter(isOpa)
  const late = spec.initContainers
    .filter(isOpa)
    .filter(
      ({ restartPolicy, startupProbe }) =>
        restartPolicy !== 'Always' || startupProbe?.httpGet?.path !== '/health?bundles',
    )
  return namesOf([...wrong, ...late])
}

/** Every file that a setting or an argument names is there. */
const filesMounted: PodRule = ({ template }, objects) =>
  containersOf(template).flatMap((container) => {
    const settings = Object.entries(environmentOf(container, objects)).filter(([name]) => name.endsWith('_FILE'))
    const named = [...settings.map(([, value]) => value), ...container.args].flatMap(
      (text) => /\/(?:etc|run)\/\S+$/.exec(text) ?? [],
    )
    const mounted = container.volumeMounts.flatMap(({ name, mountPath }) => {
      const volume = template.spec.volumes.find((each) => each.name === name)
      const map = ofKind(objects, 'ConfigMap').find(({ metadata }) => metadata.name === volume?.configMap?.name)
      const items = volume?.secret?.items ?? volume?.configMap?.items
      const files = items?.map(({ path }) => path) ?? Object.keys(map?.data ?? {})
      return files.map((file) => `${mountPath}/${file}`)
    })
    return named.filter((file) => !new Set(mounted).has(file))
  })

const ports: PodRule = ({ template }, objects) => {
  const containers = containersOf(template)
  const problems = containers.flatMap((container) => {
    const known = new Set(container.ports.flatMap(({ name, containerPort }) => [name, containerPort]))
    const probed = [container.startupProbe, container.readinessProbe, container.livenessProbe].flatMap(
      (probe) => probe?.httpGet?.port ?? probe?.tcpSocket?.port ?? [],
    )
    const { JOBWARDEN_BUNDLES_PORT: bundles, JOBWARDEN_PROBE_PORT: probes } = environmentOf(container, objects)
    const listens = isOpa(container)
      ? [argument(container, 'diagnostic-addr'), argument(container, 'addr')]
          .filter((addr) => !addr?.includes('127.0.0.1'))
          .map((addr) => addr?.split(':').at(-1))
      : [bundles ?? probes]
    const silent = listens.filter((port) => port !== undefined && !known.has(Number(port)))
    return [...probed.filter((port) => !known.has(port)), ...silent]
  })
  const scraped = template.metadata.annotations['prometheus.io/port']
  const all = containers.flatMap((container) => container.ports.map(({ containerPort }) => String(containerPort)))
  return [
    ...problems.map((port) => `port ${port}`),
    ...(scraped === undefined || all.includes(scraped) ? [] : [`scraped ${scraped}`]),
  ]
}

const POD_RULES = {
  noToken,
  noServiceLinks,
  resources,
  readOnly,
  goLimits,
  grace,
  sidecarFirst,
  filesMounted,
  ports,
} as const

/** Everything that is wrong with the pods, such as `authorizer: grace: 30 s, but 35 s are needed`. */
export function podProblems(objects: readonly KubernetesObject[]): readonly string[] {
  return workloads(objects).flatMap((pod) =>
    Object.entries(POD_RULES).flatMap(([rule, problems]) =>
      problems(pod, objects).map((problem) => `${pod.name}: ${rule}: ${problem}`),
    ),
  )
}
