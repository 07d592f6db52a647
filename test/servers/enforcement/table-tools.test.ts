import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Shop, openShop } from '../../support/shop.ts'
import { startWorkers } from '../../support/workers.ts'

let shop: Shop

beforeAll(async () => {
  shop = await openShop()
})
afterAll(() => shop.close())

describe('introspection', () => {
  test('declares a table as it is, and says what it left out and why', async () => {
    const { draft, notes } = await shop.introspect(
      '--table',
      'shop.Orders',
      '--name',
      'order',
      '--patch',
      'note',
      'tags',
      'meta',
      'due',
    )
    expect(draft).toEqual({
      name: 'order',
      table: 'shop.Orders',
      key: 'orderId',
      guard: 'xmin',
      columns: {
        orderId: 'uuid',
        owner_id: 'text',
        department: 'text',
        total: 'numeric',
        tags: 'text[]',
        meta: 'jsonb',
        placed_at: 'timestamptz',
        due: 'date',
        paid: 'boolean',
        note: 'text',
        contact: 'text',
        type: 'text',
        total_with_tax: 'numeric',
      },
      attributes: ['owner_id', 'department', 'total', 'placed_at', 'paid', 'contact', 'total_with_tax'],
      patch: { note: { maxLength: 20, nullable: true }, tags: {}, meta: { nullable: true }, due: { nullable: true } },
    })
    for (const note of [/"mood": no kind reads shop\.mood/, /"raw": .*bytea/, /"unit price": its name/, /see "type"/])
      expect(notes).toMatch(note)
  })

  test('finds the column that counts changes, and the bounds of small numbers', async () => {
    const { draft } = await shop.introspect('--table', 'shop.subscriptions', '--patch', 'seats')
    expect(draft).toMatchObject({ key: 'no', guard: 'lock_version', attributes: ['owner', 'plan'] })
    expect(draft).toMatchObject({ patch: { seats: { min: -32_768, max: 32_767 } } })
  })

  test.each([
    [['--table', 'shop.pairs'], /no key that a command can name.*unique are \(a, b\)/],
    [['--table', 'shop.nothing'], /there is no table shop\.nothing/],
    [['--table', 'orders'], /name it with its schema/],
    [['--table', 'shop.Orders', '--patch', 'total_with_tax'], /total_with_tax: PostgreSQL makes it itself/],
    [['--table', 'shop.Orders', '--patch', 'orderId'], /orderId: it is the key/],
    [['--table', 'shop.Orders', '--patch', 'mood'], /mood: .*no such column that a kind reads/],
  ])('refuses %j, and says why', async (args, why) => {
    const { status, stdout, stderr } = await shop.resources('introspect', ...args)
    expect({ status, stdout, stderr }).toEqual({ status: 2, stdout: '', stderr: expect.stringMatching(why) })
  })
})

describe('the check', () => {
  const counter = { name: 'counter', table: 'shop.counters', key: 'n', guard: 'xmin', columns: { n: 'integer' } }
  const wrong = (more: Record<string, unknown>) => ({ ...counter, attributes: [], patch: {}, ...more })

  test.each<[string, Record<string, unknown>, RegExp, RegExp]>([
    ['a table that is not there', { table: 'shop.gone' }, /no table shop\.gone/, /create it/],
    ['a column that is not there', { columns: { n: 'integer', x: 'text' } }, /no column "x"/, /take it out/],
    ['a kind that is another', { columns: { n: 'text' } }, /"n" is declared as "text", and it is integer/, /"integer"/],
    ['no version', { guard: 'version' }, /no column "version"/, /"xmin", or alter table "shop"\."counters" add column/],
    ['a guard that is no number', { guard: 'owner' }, /"owner" is text/, /xmin/],
    [
      'a key that may be twice',
      { key: 'hits', columns: { hits: 'integer' } },
      /no unique index on the key "hits"/,
      /create unique index concurrently on "shop"\."counters" \("hits"\);/,
    ],
    [
      'a patch that takes away what must be there',
      { columns: { n: 'integer', hits: 'integer' }, patch: { hits: { nullable: true } } },
      /take "hits" away/,
      /nullable/,
    ],
    ['missing grants', {}, /may not select, update, delete/, /grant select, update, delete on "shop"\."counters"/],
    ['a schema that is closed', {}, /may not use the schema "shop"/, /grant usage on schema "shop"/],
  ])('finds %s, and says what mends it', async (_what, more, what, remedy) => {
    const { status, findings } = await shop.check([wrong(more)])
    expect(status).toBe(1)
    expect(findings).toContainEqual({
      type: 'counter',
      severity: 'fault',
      what: expect.stringMatching(what),
      remedy: expect.stringMatching(remedy),
    })
  })

  test('a worker does not start on a table that does not serve, and names all that is wrong', async () => {
    const { file } = await shop.check([wrong({ guard: 'version' })])
    const config = shop.stack.config({ JOBWARDEN_RESOURCES: file })
    await expect(startWorkers(config)).rejects.toMatchObject({
      code: 'JW_STORE_UNFIT',
      message: expect.stringMatching(/no column "version"[^]*may not select[^]*resources check/),
    })
  })
})
