import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeFilter } from '../../../src/explain/describe-filter.ts'
import type { User } from '../../../src/domain/command.ts'
import { Failure } from '../../../src/domain/failure.ts'
import { type LocalOpa } from '../../../devkit/start-opa.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { OpaClient } from '../../../src/pdp/opa-client.ts'
import { filterRequest } from '../../../src/enforcement/ports/decision-point.ts'
import { openProducer } from '../../../src/producer/open-producer.ts'
import { PEOPLE, aCommand } from '../../support/a-command.ts'
import { invoice } from '../../support/invoice-type.ts'
import { outcomesOf } from '../../support/ledger.ts'
import { openClient } from '../../support/pdp-client.ts'
import { runCli } from '../../support/run-cli.ts'
import { seedDocuments, startStack } from '../../support/stack.ts'
import { ENTRY_POINT, startPolicies, writeModules } from '../../support/start-policies.ts'
import { startWorkers } from '../../support/workers.ts'

let workspace: Workspace
let opa: LocalOpa
let pdp: OpaClient

beforeAll(async () => {
  workspace = await openWorkspace()
  const modules = await writeModules(
    workspace,
    'package authz\n\nallow := true',
    'package data_filter\n\nallow := true',
  )
  opa = await startPolicies(workspace, [modules, ENTRY_POINT])
  pdp = await openClient({ url: opa.url, maxResponseBytes: 10_000_000 })
  workspace.defer(() => pdp.close())
})
afterAll(() => workspace.close())

/** The filter that rules of `data_filter` give a user for invoices, in words, and the conditions that it leaves out. */
async function filterOf(rules: string, ids: readonly string[] = []) {
  const policy = `package data_filter\n\ndefault allow := false\n\n${rules}\n`
  const id = [...new Set(policy.match(/module\d/))].join('') || 'data_filter'
  for (const name of (await listed()).filter((each) => each.includes('module1') || each === 'data_filter'))
    await fetch(`${opa.url}/v1/policies/${name}`, { method: 'DELETE' })
  const put = await fetch(`${opa.url}/v1/policies/${id}`, { method: 'PUT', body: policy })
  if (!put.ok) throw new Error(await put.text())
  const person: User = { id: 'ann', role: 'user', ids: [...ids] }
  const answer = (await pdp.filter(new Map([['it', filterRequest({ user: person, action: 'read' }, invoice)]]))).get(
    'it',
  )
  if (answer === undefined || answer instanceof Failure) throw answer ?? new Error('no filter')
  return { words: describeFilter(answer.filter), widened: answer.widened.map(({ construct }) => construct) }
}

async function listed(): Promise<string[]> {
  const { result }: { result: { id: string }[] } = JSON.parse(await (await fetch(`${opa.url}/v1/policies`)).text())
  return result.map(({ id }) => id)
}

describe('a filter says exactly', () => {
  test.each<[string, string]>([
    ['allow if input.resource.owner == input.user.id', 'rows where owner = "ann"'],
    ['allow if input.user.id == input.resource.owner', 'rows where owner = "ann"'],
    ['allow if 5 > input.resource.days_overdue', 'rows where days_overdue < 5'],
    ['allow if input.resource.paid', 'rows where paid = true'],
    ['allow if input.resource.department', 'rows where department has a value'],
    ['allow if not input.resource.paid', 'rows where not paid = true'],
    ['allow if input.resource.owner in ["a", "b"]', 'rows where owner is one of "a", "b"'],
    [
      'allow if input.resource.owner in {"a", input.resource.department}',
      'rows where owner has a value and department has a value and (owner = "a" or owner = department)',
    ],
    ['allow if startswith(input.resource.owner, "a")', 'rows where owner starts with "a"'],
    ['allow if not input.resource.days_overdue > 5', 'rows where days_overdue has a value and not days_overdue > 5'],
    [
      'allow if input.resource.owner == "a"\n\nallow if input.resource.owner == "b"',
      'rows where owner is one of "a", "b"',
    ],
    ['allow if input.resource.type == "invoice"', 'every row'],
    ['allow if input.resource.type == "document"', 'no row'],
    ['allow if input.resource.colour == "red"', 'no row'],
    ['allow if input.resource.owner == 9', 'rows where owner = 9'],
    ['allow if input.resource[input.user.role] == "x"', 'no row'],
    ['deny if input.resource.paid\n\nallow if not deny', 'rows where not paid = true'],
    ['default deny := false\n\ndeny if input.resource.paid\n\nallow if deny == false', 'rows where not paid = true'],
    ['deny contains "x" if input.resource.paid\n\nallow if count(deny) == 0', 'rows where not paid = true'],
    ['deny contains "x" if input.resource.paid\n\nallow if deny == set()', 'rows where not paid = true'],
    ['late if input.resource.days_overdue > 5\n\nallow if not late', 'rows where not days_overdue > 5'],
    ['quiet := {"a", "b"}\n\nallow if quiet[input.resource.owner]', 'rows where owner is one of "a", "b"'],
    [
      'open(x) if x == "a"\n\nopen(x) if x == "b"\n\nallow if open(input.resource.owner)',
      'rows where owner is one of "a", "b"',
    ],
    ['allow if some x, v in input.resource\n\nallow if input.user.role == "admin"', 'every row'],
  ])('%s', async (rules, words) => {
    expect(await filterOf(rules)).toEqual({ words, widened: [] })
  })
})

describe('a filter leaves out, and names without any value,', () => {
  test.each<[string, string, string]>([
    ['allow if lower(input.resource.owner) == "secret"', 'every row', 'lower(input.resource.owner, …)'],
    [
      'allow if {\n\tinput.resource.paid\n\tlower(input.resource.owner) == "a"\n}',
      'rows where paid = true',
      'lower(input.resource.owner, …)',
    ],
    ['allow if input.resource.days_overdue + 1 > 5', 'every row', 'input.resource.days_overdue + … > …'],
    ['allow if count(input.resource) > 3', 'every row', 'count(input.resource) > …'],
    ['allow if object.get(input.resource, "owner", "x") == "x"', 'every row', 'object.get(input.resource, …, …, …)'],
    ['allow if time.now_ns() > 5', 'every row', 'time.now_ns() > …'],
    [
      'allow if owned with input.user.id as "b"\n\nowned if input.resource.owner == input.user.id',
      'every row',
      'data.data_filter.owned == … with …',
    ],
    [
      'allow if startswith(input.resource.days_overdue, "1")',
      'every row',
      'startswith(input.resource.days_overdue, …)',
    ],
    ['allow if input.resource.owner == 9007199254740993', 'every row', 'input.resource.owner == …'],
    ['allow if not lower(input.resource.owner) == "a"', 'every row', 'not lower(input.resource.owner) == …'],
    ['v := "a" if input.resource.paid else := "b"\n\nallow if v == "a"', 'every row', 'data.data_filter.v == …'],
  ])('%s', async (rules, words, construct) => {
    const { words: said, widened } = await filterOf(rules)
    expect({ words: said, first: widened[0] }).toEqual({ words, first: construct })
    expect(widened.join(' ')).not.toMatch(/secret|9007/)
  })

  test('nothing of a rule that errs for everybody: the decisions say what is wrong', async () => {
    const rules = 'allow if f(1) == 2\n\nf(_) := 1\n\nf(_) := 2 if input.user.id\n\nf(_) := 3 if input.resource.owner'
    expect((await filterOf(rules)).words).toBe('every row')
  })
})

test('thousands of ids that the policies know are one condition', async () => {
  const ids = Array.from({ length: 5_000 }, (_, index) => `i${index}`)
  const { words, widened } = await filterOf('allow if input.resource.id in input.user.ids', ids)
  expect(widened).toEqual([])
  expect(words).toMatch(/^rows where id is one of "i0", "i1"/)
})

test('policies that look at the time are asked anew for every command, others once in a while', async () => {
  expect(await pdp.isVolatile('unversioned')).toBe(false)
  await filterOf('allow if time.now_ns() > 5')
  expect(await pdp.isVolatile('unversioned')).toBe(true)
})

/** A folder of policies whose data_filter allows by the given rules. */
async function policiesWith(name: string, rules: string): Promise<string> {
  const dir = join(workspace.path, name)
  for (const [part, text] of [
    ['authz', 'default allow := true'],
    ['data_filter', `default allow := false\n\n${rules}`],
  ] as const) {
    await mkdir(join(dir, part), { recursive: true })
    await writeFile(join(dir, part, `${part}.rego`), `package ${part}\n\nimport rego.v1\n\n${text}\n`)
  }
  return dir
}

test('`npm run policies` tells for every rule whether filters express it, where not, and what to write instead', async () => {
  const dir = await policiesWith(
    'reported',
    'allow if input.resource.owner == "a"\n\nallow if {\n\tinput.user.role == "admin"\n\tlower(input.resource.owner) == input.user.id\n}',
  )
  const { stdout } = await runCli('scripts/policies.ts', [dir])
  expect(stdout).toMatch(/filters express them exactly[^\n]*: NO/)
  expect(stdout).toMatch(/data_filter\.rego:7: allow: exact/)
  expect(stdout).toMatch(/data_filter\.rego:9: allow: widened/)
  expect(stdout).toMatch(/data_filter\.rego:11: filters leave out `lower\(input\.resource\.owner\) == input\.user\.id`/)
  expect(stdout).toMatch(/remedy: store the attribute in the form that rules compare/)
})

test.each([
  [[], 0],
  [['--require-exact'], 1],
])('a rule that no filter says exactly is told, and with %j decides the exit status: %i', async (flags, status) => {
  const dir = await policiesWith('status', 'allow if lower(input.resource.owner) == input.user.id')
  for (const part of ['authz', 'data_filter'])
    await writeFile(
      join(dir, part, `${part}_test.rego`),
      `package ${part}_test\n\nimport rego.v1\n\ntest_allow if data.${part}.allow with input as {"user": {"id": "a"}, "resource": {"owner": "A"}}\n\ntest_none if is_boolean(data.${part}.allow) with input as {}\n`,
    )
  const ran = await runCli('scripts/policies.ts', [dir, ...flags])
  expect({ status: ran.status, said: ran.stdout + ran.stderr }).toMatchObject({
    status,
    said: expect.stringMatching(/data_filter\.rego:7: filters leave out/),
  })
})

test('a worker starts on policies that no filter can express, and collections act on what they allow', async () => {
  const dir = await policiesWith('shipped', 'allow if upper(input.resource.owner) == "USER_123"')
  await cp('policies/jobs', join(dir, 'jobs'), { recursive: true })
  const stack = await startStack({ policies: dir })
  await seedDocuments(stack.owner)
  const config = stack.config()
  const workers = await startWorkers(config)
  const queue = await openProducer(config, { lifetimeMs: 600_000, tracing: false })
  try {
    const byId = aCommand({ user: PEOPLE.guest, resource: { type: 'document', id: 'resource_1' } })
    const many = aCommand({ user: PEOPLE.guest, resource: { type: 'document' } })
    await queue.producer.enqueue([byId, many])
    const outcomes = await outcomesOf(stack.owner, [byId.id, many.id])
    expect(outcomes.get(byId.id)).toMatchObject({ outcome: 'executed' })
    expect(outcomes.get(many.id)).toMatchObject({ rows: [{ id: 'resource_1' }, { id: 'resource_3' }] })
  } finally {
    await Promise.all([workers.close(), queue.close()])
    await stack.close()
  }
})
