import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type OpenProducer, openProducer } from '../../../src/producer/open-producer.ts'
import type { Command, ResourceCollection, User } from '../../../src/domain/command.ts'
import type { Outcome } from '../../../src/domain/outcome.ts'
import type { Running } from '../../../src/process/run-process.ts'
import { PEOPLE, aCommand } from '../../support/a-command.ts'
import { eventually, outcomesOf, trailIds } from '../../support/ledger.ts'
import { type Stack, startStack } from '../../support/stack.ts'
import { startWorkers } from '../../support/workers.ts'

let stack: Stack
let workers: Running
let queue: OpenProducer

beforeAll(async () => {
  stack = await startStack()
})
afterAll(() => stack.close())
beforeEach(async () => {
  await sql`truncate resources.documents`.execute(stack.owner)
  await sql`
    insert into resources.documents (id, name, owner, department, data)
    select 'doc_' || lpad(n::text, 3, '0'), 'Document ' || n, (array['user_123', 'user_456'])[1 + n % 2],
           (array['engineering', 'sales', 'legal'])[1 + n % 3], 'content'
      from generate_series(0, 29) n`.execute(stack.owner)
  const config = stack.config({ JOBWARDEN_COLLECTION_MAX_ROWS: '20' })
  workers = await startWorkers(config)
  queue = await openProducer(config, { lifetimeMs: 600_000, tracing: false })
})
afterEach(async () => {
  await Promise.all([workers.close(), queue.close()])
})

const everything = { type: 'document' }
const collection = (user: User, resource: ResourceCollection = everything, rest: Parameters<typeof aCommand>[0] = {}) =>
  aCommand({ ...rest, user, resource })

async function outcomeOf(command: Command): Promise<Outcome> {
  await queue.producer.enqueue([command])
  const outcome = (await outcomesOf(stack.owner, [command.id])).get(command.id)
  if (outcome === undefined) throw new Error('no outcome')
  return outcome
}

async function read(user: User, resource: ResourceCollection = everything) {
  const outcome = await outcomeOf(collection(user, resource))
  if (outcome.outcome !== 'executed') throw new Error(JSON.stringify(outcome))
  return { ...outcome, ids: outcome.rows?.map(({ id }) => id) ?? [] }
}

async function count(condition: string): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    select count(*)::int as n from resources.documents where ${sql.raw(condition)}`.execute(stack.owner)
  return rows[0]?.n ?? -1
}

describe('a read of a collection', () => {
  test("returns a user's own rows and no other", async () => {
    const { rows = [] } = await read(PEOPLE.user123)
    expect(rows).toHaveLength(15)
    expect(new Set(rows.map(({ owner }) => owner))).toEqual(new Set(['user_123']))
  })

  test("returns a manager the department's rows, besides the manager's own", async () => {
    const { rows = [] } = await read(PEOPLE.salesManager)
    expect(rows).toHaveLength(10)
    expect(new Set(rows.map(({ department }) => department))).toEqual(new Set(['sales']))
  })

  test('returns an admin page by page, each going on where the last one ended, and every row once', async () => {
    const first = await read(PEOPLE.admin)
    expect(first).toMatchObject({ count: 20, next: 'doc_019' })
    const second = await read(PEOPLE.admin, { ...everything, after: first.next ?? '' })
    expect(second.count).toBe(10)
    expect(second.next).toBeUndefined()
    expect(new Set([...first.ids, ...second.ids]).size).toBe(30)
  })

  test('narrows by where and limit, within what the policies allow', async () => {
    const where = { department: ['sales', 'legal'], owner: 'user_123' }
    const all = await read(PEOPLE.user123, { ...everything, where })
    expect(all.count).toBe(10)
    expect(await read(PEOPLE.user123, { ...everything, where, limit: 3 })).toMatchObject({ count: 3, next: all.ids[2] })
    expect((await read(PEOPLE.user123, { ...everything, where: { owner: 'user_456' } })).ids).toEqual([])
    expect((await read(PEOPLE.user123, { ...everything, where: { id: ['doc_000', 'doc_001'] } })).ids).toEqual([
      'doc_000',
    ])
  })

  test('of nothing that matches is executed, with no rows', async () => {
    expect(await read(PEOPLE.guest)).toMatchObject({ count: 0, rows: [] })
  })
})

describe('an update of a collection', () => {
  test('changes the rows that both where and the policies select, and raises their versions', async () => {
    const patch = { name: 'renamed' }
    const command = collection(
      PEOPLE.user123,
      { ...everything, where: { department: 'sales' } },
      { action: 'update', patch },
    )
    expect(await outcomeOf(command)).toMatchObject({ outcome: 'executed', count: 5 })
    expect(await count(`name = 'renamed' and owner = 'user_123' and department = 'sales' and version = 2`)).toBe(5)
    expect(await count(`name = 'renamed'`)).toBe(5)
  })

  test('that would touch more rows than one command may touches none, and says what to do', async () => {
    const command = collection(PEOPLE.admin, everything, { action: 'update', patch: { name: 'all' } })
    const outcome = await outcomeOf(command)
    expect(outcome).toMatchObject({ outcome: 'denied', reasons: [{ code: 'too_many_rows' }] })
    expect(JSON.stringify(outcome)).toMatch(/more than 20 resources match; narrow \\"where\\", or give a \\"limit\\"/)
    expect(await count(`name = 'all'`)).toBe(0)
    await eventually(async () => ((await trailIds(stack.owner)).includes(command.id) ? true : undefined))
  })

  test('goes in parts with a limit', async () => {
    const part = (after?: string) =>
      outcomeOf(
        collection(
          PEOPLE.admin,
          { ...everything, limit: 18, ...(after !== undefined && { after }) },
          { action: 'update', patch: { name: 'part' } },
        ),
      )
    expect(await part()).toMatchObject({ outcome: 'executed', count: 18, next: 'doc_017' })
    expect(await part('doc_017')).toMatchObject({ outcome: 'executed', count: 12 })
    expect(await count(`name = 'part'`)).toBe(30)
  })

  test('that the policies never allow this user is denied with a reason and changes nothing', async () => {
    const outcome = await outcomeOf(collection(PEOPLE.guest, everything, { action: 'update' }))
    expect(outcome).toMatchObject({ outcome: 'denied', reasons: [{ code: 'no_rows_allowed' }] })
    expect(await count('version > 1')).toBe(0)
  })

  test('that is delivered again has no second effect', async () => {
    const command = collection(PEOPLE.user123, { ...everything, limit: 5 }, { action: 'update' })
    const first = await outcomeOf(command)
    await workers.close()
    workers = await startWorkers(stack.config({ JOBWARDEN_COLLECTION_MAX_ROWS: '20' }))
    expect(await outcomeOf(command)).toEqual(first)
    expect(await count('version = 2')).toBe(5)
  })
})

describe('a delete of a collection', () => {
  test('removes the rows that an admin selects and no other', async () => {
    const command = collection(PEOPLE.admin, { ...everything, where: { department: 'legal' } }, { action: 'delete' })
    expect(await outcomeOf(command)).toMatchObject({ outcome: 'executed', count: 10 })
    expect(await count('true')).toBe(20)
    expect(await count(`department = 'legal'`)).toBe(0)
  })

  test('by an owner, whom no rule lets delete, is denied', async () => {
    expect(await outcomeOf(collection(PEOPLE.user123, everything, { action: 'delete' }))).toMatchObject({
      outcome: 'denied',
    })
    expect(await count('true')).toBe(30)
  })
})

describe('where', () => {
  test.each([
    [{ data: 'content' }, /where\.data: document has no such attribute/],
    [{ password: 'x' }, /where\.password: document has no such attribute/],
    [{ owner: 7 }, /where\.owner: must be a string/],
  ])('%j is invalid', async (where, complaint) => {
    const command = collection(PEOPLE.admin, { ...everything, where })
    await queue.producer.enqueue([command])
    const reasons = await eventually(async () => {
      const { rows } = await sql<{ reasons: unknown }>`
        select reasons from ledger.rejections where job_id = ${command.id}`.execute(stack.owner)
      return rows[0]?.reasons
    })
    expect(JSON.stringify(reasons)).toMatch(complaint)
  })

  test('null selects rows without a value, and quotes, percent signs and backslashes mean themselves', async () => {
    await sql`update resources.documents set owner = ${`%_'\\"`}, department = 'sales' where id = 'doc_000'`.execute(
      stack.owner,
    )
    expect((await read(PEOPLE.admin, { ...everything, where: { owner: `%_'\\"` } })).ids).toEqual(['doc_000'])
    expect((await read(PEOPLE.admin, { ...everything, where: { owner: null } })).ids).toEqual([])
  })
})

test('hundreds of collection reads of few users ask OPA for few filters', async () => {
  const people = [PEOPLE.user123, PEOPLE.user456, PEOPLE.salesManager]
  const commands = Array.from({ length: 300 }, (_, index) =>
    collection(people[index % 3] ?? PEOPLE.guest, { ...everything, limit: 1 }),
  )
  const before = await compiles()
  await queue.producer.enqueue(commands)
  const ended = await outcomesOf(
    stack.owner,
    commands.map(({ id }) => id),
  )
  expect([...ended.values()].every(({ outcome }) => outcome === 'executed')).toBe(true)
  expect((await compiles()) - before).toBeLessThanOrEqual(3)
})

/** How many filter queries OPA has answered, by its own metrics. */
async function compiles(): Promise<number> {
  const text = await (await fetch(`${stack.opa.url}/metrics`)).text()
  const lines = text
    .split('\n')
    .filter((line) => /^http_request_duration_seconds_count\{.*handler="v1\/compile/.test(line))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}
