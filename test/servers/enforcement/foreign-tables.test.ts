import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readResourceTypes } from '../../../src/config/read-resource-types.ts'
import type { Config } from '../../../src/config/settings.ts'
import type { Command } from '../../../src/domain/command.ts'
import type { ResourceTypes } from '../../../src/domain/resource-type.ts'
import type { Running } from '../../../src/process/run-process.ts'
import { type OpenProducer, openProducer } from '../../../src/producer/open-producer.ts'
import { LedgerStore } from '../../../src/storage/ledger/ledger-store.ts'
import { PEOPLE, aCommand } from '../../support/a-command.ts'
import { eventually, outcomesOf } from '../../support/ledger.ts'
import { type Shop, openShop } from '../../support/shop.ts'
import type { Stack } from '../../support/stack.ts'
import { startWorkers } from '../../support/workers.ts'

const A = '11111111-1111-4111-8111-111111111111'
const B = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee'
const BIG = '9007199254740993'

let shop: Shop
let stack: Stack

beforeAll(async () => {
  shop = await openShop()
  stack = shop.stack
})
afterAll(() => shop.close())

describe('a shop that was there before', () => {
  let config: Config
  let workers: Running
  let queue: OpenProducer
  let types: ResourceTypes

  beforeAll(async () => {
    const order = (
      await shop.introspect('--table', 'shop.Orders', '--name', 'order', '--patch', 'note', 'tags', 'meta', 'due')
    ).draft
    const attributes = Object.fromEntries(
      order.attributes.map((column) => [column === 'owner_id' ? 'owner' : column, column]),
    )
    const subscription = (
      await shop.introspect('--table', 'shop.subscriptions', '--name', 'subscription', '--patch', 'seats')
    ).draft
    const declared = [{ ...order, attributes }, subscription]
    const before = await shop.check(declared)
    expect(before.status).toBe(1)
    const mending = before.findings.filter(({ severity }) => severity === 'fault').map(({ remedy }) => remedy)
    for (const statement of mending) await sql.raw(statement).execute(stack.owner)
    const after = await shop.check(declared)
    expect({ status: after.status, faults: after.findings.filter(({ severity }) => severity === 'fault') }).toEqual({
      status: 0,
      faults: [],
    })
    expect(after.findings.map(({ what }) => what)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/shop\.lines refers to its rows/),
        expect.stringMatching(/"seats" is under CHECK/),
        expect.stringMatching(/no index leads with "department"/),
      ]),
    )
    await sql`insert into shop."Orders" ("orderId", owner_id, total, tags, meta, placed_at, due) values
      (${A}, 'user_123', 12.50, '{gift,"a b"}', '{"deep": [1, {"a": null}]}', '2026-01-31T13:00:00.5+01', '2026-02-28'),
      (${B}, 'user_456', 3, '{}', null, now(), null)`.execute(stack.owner)
    await sql`insert into shop.subscriptions (no, owner, seats, plan) values (${BIG}::bigint, 'user_123', 3, 'gold')`.execute(
      stack.owner,
    )
    const prefix = shop.env['JOBWARDEN_QUEUE_PREFIX'] ?? ''
    config = stack.config({ JOBWARDEN_RESOURCES: after.file, JOBWARDEN_QUEUE_PREFIX: prefix })
    types = await readResourceTypes(config.resources)
    workers = await startWorkers(config)
    queue = await openProducer(config, { lifetimeMs: 600_000, tracing: false })
  })
  afterAll(async () => {
    await queue.close()
    await workers.close()
  })

  async function outcomes(...commands: readonly Command[]) {
    await queue.producer.enqueue(commands)
    const ended = await outcomesOf(
      stack.owner,
      commands.map(({ id }) => id),
    )
    return commands.map(({ id }) => ended.get(id))
  }
  const order = (id: string) => ({ type: 'order', id })

  test('an order is read by its UUID, each kind as its natural JSON', async () => {
    const [read, denied] = await outcomes(aCommand({ resource: order(A) }), aCommand({ resource: order(B) }))
    expect(denied).toMatchObject({ outcome: 'denied' })
    expect(read).toMatchObject({
      outcome: 'executed',
      rows: [
        {
          orderId: A,
          total: '12.50',
          tags: ['gift', 'a b'],
          meta: { deep: [1, { a: null }] },
          placed_at: '2026-01-31T12:00:00.500000Z',
          due: '2026-02-28',
          paid: false,
          note: null,
          total_with_tax: '14.8750',
        },
      ],
    })
  })

  test('another spelling of a key is no key: policies know an id in one spelling', async () => {
    const spelled = [A.replaceAll('-', ''), `{${A}}`, B.toUpperCase(), 'resource_1', '007']
    const ended = await outcomes(...spelled.map((id) => aCommand({ user: PEOPLE.admin, resource: order(id) })))
    expect(ended.map((outcome) => outcome?.outcome)).toEqual(spelled.map(() => 'not_found'))
    const numbers = [`0${BIG}`, `+${BIG}`, '9223372036854775808', '1e3', ' 1', A].map((id) =>
      aCommand({ user: PEOPLE.admin, resource: { type: 'subscription', id } }),
    )
    expect((await outcomes(...numbers)).map((outcome) => outcome?.outcome)).toEqual(numbers.map(() => 'not_found'))
  })

  test('ids of several types in one batch are each cast to their own key, and the odd one spoils nothing', async () => {
    const ended = await outcomes(
      aCommand({ user: PEOPLE.admin, action: 'update', resource: order('no uuid'), patch: { note: 'x' } }),
      aCommand({ action: 'update', resource: order(A), patch: { note: 'in time' } }),
      aCommand({ action: 'update', resource: { type: 'subscription', id: BIG }, patch: { seats: 4 } }),
    )
    expect(ended.map((outcome) => outcome?.outcome)).toEqual(['not_found', 'executed', 'executed'])
    const { rows } = await sql`select seats, lock_version from shop.subscriptions`.execute(stack.owner)
    expect(rows).toEqual([{ seats: 4, lock_version: 1 }])
  })

  test('lists, documents and dates are patched, and taken away where they may be', async () => {
    const update = (patch: Extract<Command, { action: 'update' }>['patch']) =>
      aCommand({ action: 'update', resource: order(A), patch })
    const stored = async () => {
      const { rows } = await sql`select tags, meta, due::text from shop."Orders" where "orderId" = ${A}`.execute(
        stack.owner,
      )
      return rows[0]
    }
    expect(
      await outcomes(update({ tags: ['x', 'it’s', '"'], meta: { a: [1.5, 'b'] }, due: '2027-12-31' })),
    ).toMatchObject([{ outcome: 'executed' }])
    expect(await stored()).toEqual({ tags: ['x', 'it’s', '"'], meta: { a: [1.5, 'b'] }, due: '2027-12-31' })
    expect(await outcomes(update({ tags: [], meta: null, due: null }))).toMatchObject([{ outcome: 'executed' }])
    expect(await stored()).toEqual({ tags: [], meta: null, due: null })
  })

  test('a collection is read page by page in the order of its keys, within what the producer asked', async () => {
    const [all, page, none] = await outcomes(
      aCommand({ user: PEOPLE.admin, resource: { type: 'order', where: { total: ['12.5', '3'] }, limit: 1 } }),
      aCommand({ user: PEOPLE.admin, resource: { type: 'order', after: A } }),
      aCommand({ resource: { type: 'order', where: { placed_at: '2026-01-31T12:00:00.6Z' } } }),
    )
    expect(all).toMatchObject({ count: 1, rows: [{ orderId: A }], next: A })
    expect(page).toMatchObject({ count: 1, rows: [{ orderId: B }] })
    expect(none).toMatchObject({ count: 0 })
  })

  test('a row that another has changed since the decision is not touched, although no column tells', async () => {
    const store = new LedgerStore(stack.owner, types)
    const load = async () => (await store.load([{ commandId: 'none', type: 'order', resourceId: A }]))[0]?.resource
    const before = await load()
    await sql`update shop."Orders" set paid = true where "orderId" = ${A}`.execute(stack.owner)
    const effect = { kind: 'update', version: before?.version ?? '', patch: { note: 'too late' } } as const
    const entry = {
      commandDigest: 'd',
      producer: 'p',
      queue: 'q',
      user: PEOPLE.user123,
      action: 'update',
      inputDigest: 'i',
      commandId: randomUUID(),
      resourceType: 'order',
      resourceId: A,
      request: { user: PEOPLE.user123, action: 'update', resource: order(A) },
      issuedAt: '2026-01-01T00:00:00Z',
      expiresAt: '2026-01-02T00:00:00Z',
      outcome: { outcome: 'executed', count: 1, policyRevision: 'r1' },
    } as const
    expect(await store.commit([{ ...entry, effect }], [])).toEqual(new Set())
    const now = await load()
    expect(now).toMatchObject({ row: { paid: true, note: 'in time' } })
    const again = { ...effect, version: now?.version ?? '' }
    expect(await store.commit([{ ...entry, effect: again }], [])).toEqual(new Set([entry.commandId]))
  })

  test('a statement that waits for another’s lock sees the change, and does nothing', async () => {
    const update = (note: string) =>
      aCommand({ user: PEOPLE.admin, action: 'update', resource: order(B), patch: { note } })
    const commands = Array.from({ length: 20 }, (_, index) => update(`n${index}`))
    const writing = (async () => {
      for (let round = 0; round < 40; round += 1)
        await sql`update shop."Orders" set department = ${`d${round}`} where "orderId" = ${B}`.execute(stack.owner)
    })()
    const ended = await outcomes(...commands)
    await writing
    const kinds = new Set(ended.map((outcome) => outcome?.outcome))
    expect([...kinds].every((kind) => kind === 'executed' || kind === 'stale')).toBe(true)
    const { rows } = await sql`select note, department from shop."Orders" where "orderId" = ${B}`.execute(stack.owner)
    expect(rows).toMatchObject([{ department: 'd39' }])
  })

  test.each<[Record<string, string | number>, RegExp]>([
    [{ id: 'no uuid' }, /where\.id: must be a UUID/],
    [{ total: 'many' }, /where\.total: must be a string with a decimal number/],
    [{ placed_at: '2026-13-01T00:00:00Z' }, /where\.placed_at: must be a moment/],
    [{ placed_at: '2026-01-01T00:00:00+20:00' }, /must be a moment/],
    [{ due: '2026-02-28' }, /no such attribute/],
  ])('where %j is invalid, and the database is not asked', async (where, why) => {
    const command = aCommand({ resource: { type: 'order', where } })
    await queue.producer.enqueue([command])
    const reasons = await eventually(async () => {
      const { rows } = await sql<{ reasons: unknown }>`
        select reasons from ledger.rejections where job_id = ${command.id}`.execute(stack.owner)
      return rows[0]?.reasons
    })
    expect(JSON.stringify(reasons)).toMatch(why)
  })
})
