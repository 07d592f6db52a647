import { beforeAll, describe, expect, test } from 'vitest'
import { DEPLOYED, FETCH_MS, build, fetchTools } from './kustomize.ts'
import { ofKind, readObjects, workloads } from './objects.ts'
import { podSecurityProblems } from './pod-security.ts'

beforeAll(fetchTools, FETCH_MS)

const LOCKED_DOWN = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }
const POD_CONTEXT = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } }

/** A pod that is restricted, but for what is named. */
const pod = ({ context = {}, podContext = {}, container = {}, spec = {}, metadata = {} }) => ({
  metadata,
  spec: {
    securityContext: { ...POD_CONTEXT, ...podContext },
    containers: [{ name: 'main', ...container, securityContext: { ...LOCKED_DOWN, ...context } }],
    ...spec,
  },
})

test.each(DEPLOYED)('every pod of %s is restricted', async (folder) => {
  const pods = workloads(readObjects(await build(folder)))
  expect(pods.length).toBeGreaterThan(0)
  for (const { name, template } of pods) expect([name, podSecurityProblems(template)]).toEqual([name, []])
})

test.each(DEPLOYED)('the namespace of %s enforces, audits and warns', async (folder) => {
  const [namespace] = ofKind(readObjects(await build(folder)), 'Namespace')
  const levels = ['enforce', 'audit', 'warn'].map(
    (mode) => namespace?.metadata.labels[`pod-security.kubernetes.io/${mode}`],
  )
  expect(levels).toEqual(['restricted', 'restricted', 'restricted'])
})

test('a restricted pod is one, with what the standard leaves free', () => {
  expect(podSecurityProblems(pod({}))).toEqual([])
  const free = { capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] }, seLinuxOptions: { type: 'container_t' } }
  expect(podSecurityProblems(pod({ context: free, spec: { volumes: [{ name: 'tmp', emptyDir: {} }] } }))).toEqual([])
  const ownContext = { context: POD_CONTEXT, podContext: { runAsNonRoot: undefined, seccompProfile: undefined } }
  expect(podSecurityProblems(pod(ownContext))).toEqual([])
})

describe('what the standard forbids is found', () => {
  const other = { name: 'other', securityContext: {} }
  const cases: readonly (readonly [string, unknown])[] = [
    ['hostNetwork', pod({ spec: { hostNetwork: true } })],
    ['hostPID', pod({ spec: { hostPID: true } })],
    ['hostIPC', pod({ spec: { hostIPC: true } })],
    [
      'AppArmor',
      pod({ metadata: { annotations: { 'container.apparmor.security.beta.kubernetes.io/main': 'unconfined' } } }),
    ],
    ['volume disk', pod({ spec: { volumes: [{ name: 'disk', hostPath: { path: '/' } }] } })],
    ['volume disk', pod({ spec: { volumes: [{ name: 'disk', nfs: {} }] } })],
    ['sysctl kernel.msgmax', pod({ podContext: { sysctls: [{ name: 'kernel.msgmax' }] } })],
    ['pod: hostProcess', pod({ podContext: { windowsOptions: { hostProcess: true } } })],
    ['pod: seLinuxOptions', pod({ podContext: { seLinuxOptions: { type: 'spc_t' } } })],
    ['main: seLinuxOptions', pod({ context: { seLinuxOptions: { user: 'root' } } })],
    ['main: AppArmor', pod({ context: { appArmorProfile: { type: 'Unconfined' } } })],
    ['pod: seccompProfile', pod({ podContext: { seccompProfile: { type: 'Unconfined' } } })],
    ['main: seccompProfile', pod({ context: { seccompProfile: { type: 'Unconfined' } } })],
    ['main: no seccompProfile', pod({ podContext: { seccompProfile: undefined } })],
    ['pod: runAsUser', pod({ podContext: { runAsUser: 0 } })],
    ['main: runAsUser', pod({ context: { runAsUser: 0 } })],
    ['main: runAsNonRoot', pod({ podContext: { runAsNonRoot: undefined } })],
    ['main: runAsNonRoot', pod({ context: { runAsNonRoot: false } })],
    ['main: privileged', pod({ context: { privileged: true } })],
    ['main: procMount', pod({ context: { procMount: 'Unmasked' } })],
    ['main: hostPort', pod({ container: { ports: [{ hostPort: 80 }] } })],
    ['main: host of a probe', pod({ container: { livenessProbe: { httpGet: { host: '169.254.169.254' } } } })],
    ['main: host of a probe', pod({ container: { lifecycle: { preStop: { tcpSocket: { host: '127.0.0.1' } } } } })],
    ['main: allowPrivilegeEscalation', pod({ context: { allowPrivilegeEscalation: undefined } })],
    ['main: capabilities not dropped', pod({ context: { capabilities: undefined } })],
    ['main: capabilities added', pod({ context: { capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] } } })],
    ['other: allowPrivilegeEscalation', pod({ spec: { initContainers: [other] } })],
    ['other: allowPrivilegeEscalation', pod({ spec: { ephemeralContainers: [other] } })],
  ]

  test.each(cases)('%s', (problem, template) => {
    expect(podSecurityProblems(template)).toContain(problem)
  })
})
