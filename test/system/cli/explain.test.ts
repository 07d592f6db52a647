import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Running } from '../../../src/process/run-process.ts'
import { type OpenProducer, openProducer } from '../../../src/producer/open-producer.ts'
import { PEOPLE, aCommand } from '../../support/a-command.ts'
import { outcomesOf } from '../../support/ledger.ts'
import { runCli } from '../../support/run-cli.ts'
import { type Stack, seedDocuments, startStack } from '../../support/stack.ts'
import { startWorkers } from '../../support/workers.ts'

let stack: Stack
let env: Record<string, string>
let workers: Running
let queue: OpenProducer

const explain = (...args: readonly string[]) => runCli('cli/jobwarden.ts', ['explain', ...args], { env })
const asked = (user: unknown, action: string, resource: unknown) => [
  '--request',
  JSON.stringify({ user, action, resource }),
]
const resource = { type: 'document', id: 'resource_1' }

beforeAll(async () => {
  stack = await startStack()
  await seedDocuments(stack.owner)
  env = stack.env()
  const config = stack.config()
  workers = await startWorkers(config)
  queue = await openProducer(config, { lifetimeMs: 600_000, tracing: false })
})
afterAll(async () => {
  await Promise.all([workers.close(), queue.close()])
  await stack.close()
})

test('an allow names the rules that held, the filter in words and in SQL, and the policy revision', async () => {
  const { status, stdout } = await explain(...asked(PEOPLE.user123, 'read', resource))
  expect(status).toBe(0)
  expect(stdout).toMatch(
    /^request +user_123 \(role user, department "engineering"\) wants to read document\/resource_1$/m,
  )
  expect(stdout).toMatch(/^resource +\{"owner":"user_123","department":"engineering"\}$/m)
  expect(stdout).toMatch(/^decision +allow$/m)
  expect(stdout).toMatch(/^revision +\S+$/m)
  expect(stdout).toMatch(/^rules of authz +\S*authz\/authz\.rego:\d+$/m)
  expect(stdout).toMatch(/^rules of data_filter +\S*data_filter\.rego:\d+$/m)
  expect(stdout).toMatch(/^filter +rows where owner = "user_123"$/m)
  expect(stdout).toMatch(/^sql +where r\."owner" = \$1::text$/m)
  expect(stdout).toMatch(/^parameters +"user_123"$/m)
})

test('a denial names its reasons, and an admin may act on every row', async () => {
  const denied = await explain(...asked(PEOPLE.guest, 'delete', resource))
  expect(denied.stdout).toMatch(/^decision +deny$/m)
  expect(denied.stdout).toMatch(/^reasons +.*role_may_not_delete: /m)
  expect(denied.stdout).toMatch(/^filter +no row$/m)
  const admin = await explain(...asked(PEOPLE.admin, 'delete', { type: 'document' }))
  expect(admin.stdout).toMatch(/^filter +every row$/m)
})

test('a recorded command is explained by its id, as it would be decided now', async () => {
  const command = aCommand({ user: PEOPLE.salesManager })
  await queue.producer.enqueue([command])
  await outcomesOf(stack.owner, [command.id])
  const { stdout } = await explain(command.id)
  expect(stdout).toMatch(/^recorded +denied at \d{4}-/m)
  expect(stdout).toMatch(/^filter +rows where owner = "mgr_2" or department = "sales"$/m)
})

test('candidate policies are asked beside, and what would change is told', async () => {
  const dir = join(stack.workspace.path, 'candidate')
  for (const name of ['authz', 'data_filter']) {
    await mkdir(join(dir, name), { recursive: true })
    const allow = 'default allow := false\n\nallow if input.resource.department == "engineering"\n'
    await writeFile(join(dir, name, `${name}.rego`), `package ${name}\n\nimport rego.v1\n\n${allow}`)
  }
  const changed = await explain(...asked(PEOPLE.guest, 'delete', resource), '--policies', dir)
  expect(changed.stderr).not.toMatch(/JW_/)
  const [, after] = changed.stdout.split('With the candidate policies:')
  expect(after).toMatch(/^decision +allow$/m)
  expect(after).toMatch(/^filter +rows where department = "engineering"$/m)
  const same = await explain(...asked(PEOPLE.guest, 'delete', resource), '--policies', 'policies', '--json')
  const told: unknown = JSON.parse(same.stdout)
  expect(told).toMatchObject({ current: { decision: 'deny' }, candidate: { decision: 'deny' } })
})

test('a collection names what its filter leaves out, and on request the rows that are denied all the same', async () => {
  const dir = join(stack.workspace.path, 'widened')
  for (const [name, rule] of [
    ['authz', 'default allow := true'],
    ['data_filter', 'default allow := false\n\nallow if lower(input.resource.owner) == input.user.id'],
  ] as const) {
    await mkdir(join(dir, name), { recursive: true })
    await writeFile(join(dir, name, `${name}.rego`), `package ${name}\n\nimport rego.v1\n\n${rule}\n`)
  }
  const command = asked(PEOPLE.user123, 'read', { type: 'document' })
  const { stdout } = await explain(...command, '--policies', dir, '--rows')
  const [now = '', then = ''] = stdout.split('With the candidate policies:')
  expect(now).toMatch(/^rows +0 of the 2 rows that the filter lets through are not allowed$/m)
  expect(then).toMatch(/^filter +every row$/m)
  expect(then).toMatch(
    /^left out +lower\(input\.resource\.owner, …\) \(no condition on columns expresses it; each row is decided\)$/m,
  )
  expect(then).toMatch(/^rows +1 of the 3 rows that the filter lets through are not allowed$/m)
  expect(then).toMatch(/^ +resource_2: denied_by_policy$/m)
})

test('explaining changes nothing', async () => {
  const before = await sql`select count(*) from ledger.commands`.execute(stack.owner)
  await explain(...asked(PEOPLE.admin, 'delete', { type: 'document' }))
  expect(await sql`select count(*) from ledger.commands`.execute(stack.owner)).toEqual(before)
  const { rows } = await sql`select id from resources.documents`.execute(stack.owner)
  expect(rows).toHaveLength(3)
})

test.each([
  [[], /name the id of a recorded command, or give one with --request/],
  [['nobody-asked'], /the ledger has no command "nobody-asked"/],
  [['--request', '{'], /--request: it is not JSON/],
  [['--request', '{"user":{"id":"u"}}'], /role/],
  [asked(PEOPLE.guest, 'read', { type: 'users', id: '1' }), /there is no type "users"/],
  [[...asked(PEOPLE.guest, 'read', resource), '--policies', '/nowhere'], /\/nowhere is not a folder of policies/],
])('%j is refused with what to do, and status 2', async (args, complaint) => {
  const { status, stderr } = await explain(...args)
  expect(stderr).toMatch(complaint)
  expect(status).toBe(2)
})
