import { z } from 'zod'

// The Pod Security Standard "restricted", of Kubernetes 1.36: everything that "baseline" forbids, and more.

const Handler = z.looseObject({
  httpGet: z.looseObject({ host: z.string().optional() }).optional(),
  tcpSocket: z.looseObject({ host: z.string().optional() }).optional(),
})

const SecurityContext = z.looseObject({
  privileged: z.boolean().optional(),
  allowPrivilegeEscalation: z.boolean().optional(),
  runAsNonRoot: z.boolean().optional(),
  runAsUser: z.number().optional(),
  procMount: z.string().optional(),
  seccompProfile: z.looseObject({ type: z.string() }).optional(),
  appArmorProfile: z.looseObject({ type: z.string() }).optional(),
  seLinuxOptions: z
    .looseObject({ type: z.string().optional(), user: z.string().optional(), role: z.string().optional() })
    .optional(),
  windowsOptions: z.looseObject({ hostProcess: z.boolean().optional() }).optional(),
  capabilities: z
    .looseObject({ add: z.array(z.string()).default([]), drop: z.array(z.string()).default([]) })
    .optional(),
  sysctls: z.array(z.looseObject({ name: z.string() })).default([]),
})
type SecurityContext = z.infer<typeof SecurityContext>

const Container = z.looseObject({
  name: z.string(),
  securityContext: SecurityContext.prefault({}),
  ports: z.array(z.looseObject({ hostPort: z.number().default(0) })).default([]),
  startupProbe: Handler.optional(),
  readinessProbe: Handler.optional(),
  livenessProbe: Handler.optional(),
  lifecycle: z.looseObject({ postStart: Handler.optional(), preStop: Handler.optional() }).prefault({}),
})

const Pod = z.looseObject({
  metadata: z.looseObject({ annotations: z.record(z.string(), z.string()).default({}) }).prefault({}),
  spec: z.looseObject({
    hostNetwork: z.boolean().default(false),
    hostPID: z.boolean().default(false),
    hostIPC: z.boolean().default(false),
    securityContext: SecurityContext.prefault({}),
    initContainers: z.array(Container).default([]),
    containers: z.array(Container),
    ephemeralContainers: z.array(Container).default([]),
    volumes: z.array(z.looseObject({ name: z.string() })).default([]),
  }),
})

const VOLUMES = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
]
const SELINUX_TYPES = new Set(['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t'])
const PROFILES = new Set(['RuntimeDefault', 'Localhost'])
const SYSCTLS = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
])

/** What keeps a pod out of a namespace that enforces `restricted`. */
export function podSecurityProblems(template: unknown): readonly string[] {
  const { metadata, spec } = Pod.parse(template)
  const containers = [...spec.initContainers, ...spec.containers, ...spec.ephemeralContainers]
  return [
    ...(['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((name) => spec[name]),
    ...Object.entries(metadata.annotations)
      .filter(([name]) => name.startsWith('container.apparmor.security.beta.kubernetes.io/'))
      .filter(([, profile]) => profile !== 'runtime/default' && !profile.startsWith('localhost/'))
      .map(() => 'AppArmor'),
    ...spec.volumes
      .filter((volume) => !VOLUMES.some((type) => volume[type] !== undefined))
      .map(({ name }) => `volume ${name}`),
    ...spec.securityContext.sysctls.filter(({ name }) => !SYSCTLS.has(name)).map(({ name }) => `sysctl ${name}`),
    ...anywhereProblems(spec.securityContext).map((problem) => `pod: ${problem}`),
    ...containers.flatMap((container) =>
      containerProblems(container, spec.securityContext).map((problem) => `${container.name}: ${problem}`),
    ),
  ]
}

/** What neither a pod nor a container may have. */
function anywhereProblems(context: SecurityContext): readonly string[] {
  const { seLinuxOptions: { type = '', user = '', role = '' } = {} } = context
  return found({
    hostProcess: context.windowsOptions?.hostProcess === true,
    seLinuxOptions: !SELINUX_TYPES.has(type) || user !== '' || role !== '',
    AppArmor: context.appArmorProfile !== undefined && !PROFILES.has(context.appArmorProfile.type),
    seccompProfile: context.seccompProfile !== undefined && !PROFILES.has(context.seccompProfile.type),
    runAsUser: context.runAsUser === 0,
  })
}

function containerProblems(container: z.infer<typeof Container>, pod: SecurityContext): readonly string[] {
  const { securityContext: own, lifecycle } = container
  const handlers = [
    container.startupProbe,
    container.readinessProbe,
    container.livenessProbe,
    lifecycle.postStart,
    lifecycle.preStop,
  ]
  return [
    ...anywhereProblems(own),
    ...found({
      privileged: own.privileged === true,
      procMount: (own.procMount ?? 'Default') !== 'Default',
      hostPort: container.ports.some(({ hostPort }) => hostPort !== 0),
      'host of a probe': handlers.some((handler) => [handler?.httpGet, handler?.tcpSocket].some((on) => on?.host)),
      allowPrivilegeEscalation: own.allowPrivilegeEscalation !== false,
      runAsNonRoot: (own.runAsNonRoot ?? pod.runAsNonRoot) !== true,
      'no seccompProfile': (own.seccompProfile ?? pod.seccompProfile) === undefined,
      'capabilities not dropped': !own.capabilities?.drop.includes('ALL'),
      'capabilities added': own.capabilities?.add.some((name) => name !== 'NET_BIND_SERVICE') === true,
    }),
  ]
}

function found(problems: Readonly<Record<string, boolean>>): readonly string[] {
  return Object.keys(problems).filter((name) => problems[name])
}
