import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Config } from '../../../src/config/settings.ts'
import type { Command } from '../../../src/domain/command.ts'
import { type Outcome, reasonsOf } from '../../../src/domain/outcome.ts'
import { runningServers } from '../../../devkit/server-process.ts'
import type { Running } from '../../../src/process/run-process.ts'
import { listRecords } from '../../../src/storage/trail/list-records.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { startAuditor } from '../../../workers/auditor.ts'
import { startAuthorizer } from '../../../workers/authorizer.ts'
import { PEOPLE, aCommand } from '../../support/a-command.ts'
import { eventually, outcomesOf, trailIds } from '../../support/ledger.ts'
import { type OpenProducer, openProducer } from '../../../src/producer/open-producer.ts'
import { type Stack, seedDocuments, startStack } from '../../support/stack.ts'

let stack: Stack
let config: Config
let workers: Running[]
let queue: OpenProducer

beforeAll(async () => {
  stack = await startStack()
})
afterAll(async () => {
  await stack.close()
  expect(runningServers()).toEqual([])
})
beforeEach(async () => {
  await seedDocuments(stack.owner)
  config = stack.config()
  const log = createLogger('test', 'silent')
  workers = await Promise.all([startAuthorizer({ config, log }), startAuditor({ config, log })])
  queue = await openProducer(config, { lifetimeMs: 600_000, tracing: false })
})
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.close()))
  await queue.close()
})

async function outcomes(commands: readonly Command[]): Promise<Outcome[]> {
  const ids = commands.map(({ id }) => id)
  const report = await queue.producer.enqueue(commands)
  expect(report).toEqual({ enqueued: ids, rejected: [] })
  const recorded = await outcomesOf(stack.owner, ids)
  return ids.flatMap((id) => recorded.get(id) ?? [])
}

const document = (id: string) => ({ type: 'document', id })
const codes = (outcome: Outcome | undefined) =>
  outcome === undefined ? [] : reasonsOf(outcome).map(({ code }) => code)

describe("the article's cases", () => {
  const cases: readonly (readonly [string, Parameters<typeof aCommand>[0], string])[] = [
    ['an owner reads', { user: PEOPLE.user123, resource: document('resource_1') }, 'executed'],
    ["a user does not read another's", { user: PEOPLE.user123, resource: document('resource_2') }, 'denied'],
    ['an owner with the role user updates', { action: 'update', resource: document('resource_1') }, 'executed'],
    [
      "a user does not update another's",
      { action: 'update', user: PEOPLE.user456, resource: document('resource_1') },
      'denied',
    ],
    ['an owner does not delete', { action: 'delete', resource: document('resource_1') }, 'denied'],
    ['an admin reads', { user: PEOPLE.admin, resource: document('resource_2') }, 'executed'],
    ['an admin deletes', { action: 'delete', user: PEOPLE.admin, resource: document('resource_3') }, 'executed'],
    ['a manager reads of the department', { user: PEOPLE.engineeringManager }, 'executed'],
    ['a manager does not read of another department', { user: PEOPLE.salesManager }, 'denied'],
    ['a manager does not update', { action: 'update', user: PEOPLE.engineeringManager }, 'denied'],
    ['a guest reads nothing', { user: PEOPLE.guest }, 'denied'],
  ]
  test.each(cases)('%s', async (_what, wanted, expected) => {
    const [outcome] = await outcomes([aCommand(wanted)])
    expect(outcome?.outcome).toBe(expected)
    expect(codes(outcome).length > 0).toBe(expected === 'denied')
  })
})

test('a read carries the row and an update changes the row once, version and all', async () => {
  const update = aCommand({ action: 'update', patch: { name: 'renamed', data: null } })
  expect(await outcomes([update])).toMatchObject([{ outcome: 'executed', count: 1 }])
  const [read] = await outcomes([aCommand()])
  expect(read).toMatchObject({
    outcome: 'executed',
    rows: [{ id: 'resource_1', name: 'renamed', owner: 'user_123', department: 'engineering', data: null }],
  })
})

test('who may not see a resource cannot tell whether it exists', async () => {
  const [missing, hidden] = await outcomes([
    aCommand({ user: PEOPLE.user456, resource: document('resource_999') }),
    aCommand({ user: PEOPLE.user456, resource: document('resource_1') }),
  ])
  expect(missing).toEqual(hidden)
  expect(missing?.outcome).toBe('denied')
})

test('who may see all resources is told that one is not there', async () => {
  const [missing] = await outcomes([aCommand({ user: PEOPLE.admin, resource: document('resource_999') })])
  expect(missing?.outcome).toBe('not_found')
})

test('a denial reaches the audit trail once, with its reasons, the policy revision and who asked what', async () => {
  const denied = aCommand({ user: PEOPLE.guest, action: 'delete' })
  await outcomes([denied])
  const record = await eventually(async () => {
    const records = await listRecords(stack.owner, { userId: 'guest_1', limit: 1000 })
    return records.find(({ id }) => id === denied.id)
  })
  expect(record).toMatchObject({
    outcome: 'denied',
    user_id: 'guest_1',
    user_role: 'guest',
    action: 'delete',
    resource_type: 'document',
    resource_id: 'resource_1',
    producer: 'test-producer',
    queue: 'jobwarden-commands',
    policy_revision: expect.stringMatching(/./),
    input_digest: expect.stringMatching(/^[0-9a-f]{64}$/),
  })
  expect(record.reason_codes.length).toBeGreaterThan(0)
})

test('the same command enqueued twice has one outcome and one effect', async () => {
  const update = aCommand({ action: 'update' })
  await outcomes([update])
  await outcomes([update])
  const [read] = await outcomes([aCommand()])
  expect(read).toMatchObject({ rows: [{ name: 'renamed' }] })
  const { rows } = await versionOf('resource_1')
  expect(rows).toEqual([{ version: '2' }])
})

test('thousands of mixed commands end in one outcome each, and exactly the denied ones are in the trail', async () => {
  const people = Object.values(PEOPLE)
  const commands = Array.from({ length: 3000 }, (_, index) =>
    aCommand({
      user: people[index % people.length] ?? PEOPLE.guest,
      resource: document(`resource_${(index % 3) + 1}`),
      action: index % 5 === 0 ? 'update' : 'read',
    }),
  )
  const ended = await outcomes(commands)
  expect(ended).toHaveLength(3000)
  const denied = commands.filter((_, index) => ended[index]?.outcome === 'denied').map(({ id }) => id)
  const inTrail = await eventually(async () => {
    const ids = new Set(await trailIds(stack.owner))
    return denied.every((id) => ids.has(id)) ? ids : undefined
  })
  const executed = commands.filter((_, index) => ended[index]?.outcome === 'executed')
  expect(executed.some(({ id }) => inTrail.has(id))).toBe(false)
  const all = await trailIds(stack.owner)
  expect(new Set(all).size).toBe(all.length)
})

async function versionOf(id: string) {
  return sql<{ version: string }>`select version::text from resources.documents where id = ${id}`.execute(stack.owner)
}
