import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { runProgram } from '../../../src/process/run-program.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { DeployedStack } from '../../support/deployed-stack.ts'
import { eventually } from '../../support/ledger.ts'
import { tablesOf } from '../../support/markdown-tables.ts'

let stack: DeployedStack
let workspace: Workspace

beforeAll(async () => {
  workspace = await openWorkspace()
  stack = await DeployedStack.up()
}, 900_000)

afterAll(async () => {
  await stack.down()
  await workspace.close()
}, 120_000)

test("the demo's cases run through it, and end as the article says", async () => {
  const told = await stack.compose.run('demo')
  expect(told).toMatch(/user_123 +read +resource_1 +executed +1 row/)
  expect(told).toMatch(/user_123 +read +resource_2 +denied +not_owner/)
  expect(told).toMatch(/user_123 +update +resource_1 +executed/)
  expect(told).toMatch(/admin +delete +resource_3 +executed/)
  expect(told).toMatch(/manager of engineering +update +resource_3 +denied/)
  expect(told).toMatch(/all 2019 commands/)
  const denials = await stack.compose.run('console', ['denials', '--user', 'guest', '--json', '--limit', '1'])
  expect(JSON.parse(denials)).toMatchObject({
    outcome: 'denied',
    user_id: 'guest',
    policy_revision: expect.any(String),
  })
}, 180_000)

const Inspected = z.array(
  z.object({
    Config: z.object({ User: z.string() }),
    HostConfig: z.object({
      ReadonlyRootfs: z.boolean(),
      CapDrop: z.array(z.string()).nullable(),
      SecurityOpt: z.array(z.string()).nullable(),
      PortBindings: z.record(z.string(), z.unknown()).nullable(),
    }),
  }),
)

async function inspect(service: string) {
  const ids = await stack.compose.containers(service)
  const [container] = Inspected.parse(JSON.parse(await runProgram('docker', ['inspect', ...ids])))
  return { service, ...container }
}

test('what runs our code and OPA is not root, cannot write to its image and has no capability', async () => {
  for (const service of ['pod', 'opa', 'authorizer', 'auditor', 'bundles'])
    expect(await inspect(service)).toMatchObject({
      service,
      Config: { User: expect.stringMatching(/^1000/) },
      HostConfig: { ReadonlyRootfs: true, CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges:true'] },
    })
})

test('no server is published on the host', async () => {
  for (const service of ['redis', 'postgres', 'bundles', 'opa', 'pod', 'authorizer', 'auditor']) {
    const { HostConfig } = await inspect(service)
    expect({ service, published: HostConfig?.PortBindings ?? {} }).toEqual({ service, published: {} })
  }
})

test('a policy changes by a newly signed bundle, under load and without a restart', async () => {
  const policies = join(await workspace.folder('changed'), 'policies')
  await cp('policies', policies, { recursive: true })
  const file = join(policies, 'authz', 'authz.rego')
  const source = await readFile(file, 'utf8')
  const message = 'The user owns no such resource.'
  expect(source).toContain(message)
  await writeFile(file, source.replaceAll(message, 'Somebody else owns it.'))
  const before = await stack.compose.containers('opa')

  const loadUntilItDecides = async () => {
    for (let round = 0; (await stack.reasonsByRevision('load')).length < 2; round += 1) {
      expect(round).toBeLessThan(30)
      await stack.enqueueDenied(200, `load-${round}`)
      await stack.settled('load', 200 * (round + 1))
    }
  }
  const publish = stack.compose.run('publish', [], ['--volume', `${policies}:/policies:ro`])
  await Promise.all([loadUntilItDecides(), publish])

  expect(await stack.reasonsByRevision('load')).toEqual([
    { revision: expect.any(String), reason: message },
    { revision: expect.any(String), reason: 'Somebody else owns it.' },
  ])
  expect(await stack.compose.containers('opa')).toEqual(before)
  // The trail tells of both: the auditor asks the bundle server now and then.
  const known = async () => (await stack.compose.run('console', ['policies', 'history', '--json'])).trim().split('\n')
  await eventually(async () => ((await known()).length > 1 ? true : undefined), 60_000)
}, 300_000)

test('while its sidecar is dead the worker takes no jobs; it resumes by itself and burns no attempt', async () => {
  await stack.compose.call(['kill', 'opa'])
  await stack.enqueueDenied(1, 'dead-0')
  const said = async () => (await stack.compose.call(['logs', 'authorizer'])).includes('OPA is down: taking no jobs')
  await eventually(async () => (await said()) || undefined, 60_000)
  await stack.enqueueDenied(100, 'dead-1')
  expect(await stack.workerIsReady()).toBe(false)
  expect(await stack.waiting()).toBeGreaterThanOrEqual(100)
  expect(await stack.outcomes('dead')).toBe(0)

  await stack.compose.call(['up', '--wait', '--no-deps', '--no-recreate', 'opa'])
  await stack.settled('dead', 101)
  await eventually(async () => (await stack.workerIsReady()) || undefined, 60_000)
  for (const id of ['dead-0-1', 'dead-1-1', 'dead-1-100']) expect(await stack.attemptsOf(id)).toBe(1)
}, 240_000)

test('a worker that is restarted under load loses nothing and repeats nothing', async () => {
  const enqueuing = stack.enqueueDenied(1_000, 'restarted')
  await stack.compose.call(['restart', 'authorizer'])
  await enqueuing
  await stack.settled('restarted', 1_000)
  await eventually(async () => ((await stack.records('restarted')) === 1_000 ? true : undefined), 60_000)
  for (const id of ['restarted-1', 'restarted-500', 'restarted-1000']) expect(await stack.attemptsOf(id)).toBe(1)
}, 180_000)

test('no secret is in a log, in what Redis wrote to its disk, or in the database', async () => {
  const secrets = await stack.secrets()
  expect(secrets.length).toBeGreaterThan(12)
  const logs = await stack.compose.call(['logs', '--no-color'])
  const queues = await stack.compose.exec('redis', 'sh', '-c', 'cat /data/appendonlydir/*.aof')
  const database = await stack.compose.exec('postgres', 'pg_dump', '-U', 'jobwarden')
  // What is looked through is what was meant to be.
  expect(logs).toContain('Decision Log')
  expect(queues).toContain('dead-1-100')
  expect(database).toContain('dead-1-100')
  for (const [place, text] of Object.entries({ logs, queues, database }))
    expect({ place, found: secrets.filter(({ secret }) => text.includes(secret)) }).toEqual({ place, found: [] })
}, 120_000)

const Cells = z.record(z.string(), z.record(z.string(), z.enum(['yes', 'no'])))

test('every role may do exactly what docs/access.md says', async () => {
  const documented = tablesOf(await readFile('docs/access.md', 'utf8'))
  const source = (name: string) => readFile(join('test/system/deployment', name), 'utf8')
  const node = ['--input-type=module-typescript', '--eval']
  const tried = await stack.compose.run('console', [...node, await source('try-access.ts')], ['--entrypoint', 'node'])
  const inThePod = await stack.compose.exec('authorizer', 'node', ...node, await source('ask-opa.ts'))

  const servers = z.record(z.string(), Cells).parse(JSON.parse(tried))
  const opa = Cells.parse(JSON.parse(inThePod))
  const found = {
    ...servers,
    OPA: Object.fromEntries(Object.entries(opa).map(([what, row]) => [what, { ...servers['OPA']?.[what], ...row }])),
  }
  expect(Object.keys(documented)).toEqual(['OPA', 'Redis', 'PostgreSQL', 'Bundle server'])
  expect(documented).toEqual(found)
}, 120_000)
