import { readFile } from 'node:fs/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Command } from '../../../src/domain/command.ts'
import type { Outcome } from '../../../src/domain/outcome.ts'
import { processBatch } from '../../../src/enforcement/process-batch.ts'
import type { Pdp } from '../../../src/enforcement/ports/decision-point.ts'
import { COMMAND_QUEUE } from '../../../src/redis/queue-names.ts'
import { document } from '../../../src/resource-types/document.ts'
import { declareResourceTypes } from '../../../src/domain/declare-resource-types.ts'
import type { ResourceType } from '../../../src/domain/resource-type.ts'
import { JwsVerifier } from '../../../src/signing/jws-verifier.ts'
import { importProducerKey } from '../../../src/signing/producer-keys.ts'
import { signCommand } from '../../../src/signing/sign-command.ts'
import type { CandidateRequest, CollectionEntry, LedgerEntry } from '../../../src/enforcement/ports/command-store.ts'
import { type Database, openEmbedded } from '../../../src/storage/database.ts'
import { LedgerStore } from '../../../src/storage/ledger/ledger-store.ts'
import { MIGRATIONS, migrate, requireMigrated } from '../../../src/storage/migrate.ts'
import { PEOPLE, TEST_KEY, aCommand } from '../../support/a-command.ts'
import { invoice, invoices } from '../../support/invoice-type.ts'
import { seedDocuments } from '../../support/stack.ts'
import { UNOBSERVED } from '../../../src/telemetry/observe-all.ts'

const WITH_INVOICES = { ...MIGRATIONS, '1001-invoices': invoices }
const types = declareResourceTypes([document, invoice])
const HUGE = '9007199254740993' // 2^53 + 1, which no JSON number holds.

let db: Database
let store: LedgerStore

beforeAll(async () => {
  db = openEmbedded()
  await migrate(db)
  store = new LedgerStore(db, types)
})
afterAll(() => db.destroy())

test('a database that has the shipped type gets the second one by its migration alone, once', async () => {
  await expect(requireMigrated(db, WITH_INVOICES)).rejects.toThrow(/lacks 1001-invoices/)
  expect(await migrate(db, WITH_INVOICES)).toEqual(['1001-invoices'])
  expect(await migrate(db, WITH_INVOICES)).toEqual([])
})

test('a migration that comes with an update applies to a database that has one of its own already', async () => {
  const own = openEmbedded()
  try {
    await migrate(own, WITH_INVOICES)
    const updated = { ...WITH_INVOICES, '0999-shipped-later': { up: async () => undefined } }
    await expect(requireMigrated(own, updated)).rejects.toThrow(/lacks 0999-shipped-later/)
    expect(await migrate(own, updated)).toEqual(['0999-shipped-later'])
  } finally {
    await own.destroy()
  }
})

const executed: Outcome = { outcome: 'executed', count: 1, policyRevision: 'r1' }
let commands = 0

function anEntry(wanted: Partial<LedgerEntry> = {}): LedgerEntry {
  return {
    commandId: `command-${(commands += 1)}`,
    commandDigest: 'digest',
    producer: 'test-producer',
    queue: COMMAND_QUEUE,
    user: PEOPLE.user123,
    action: 'update',
    resourceType: 'invoice',
    resourceId: 'inv_1',
    request: { user: PEOPLE.user123, action: 'update', resource: { type: 'invoice', id: 'inv_1' } },
    issuedAt: '2026-01-01T00:00:00Z',
    expiresAt: '2026-01-02T00:00:00Z',
    inputDigest: 'input',
    outcome: executed,
    ...wanted,
  }
}

function aCollection(wanted: Partial<CollectionEntry> = {}): CollectionEntry {
  const { outcome: _outcome, effect: _effect, ...entry } = anEntry({ action: 'read', resourceId: undefined })
  const outcome = { outcome: 'executed', policyRevision: 'r1' } as const
  return { ...entry, rows: [], outcome, leaveOutChanged: false, patch: undefined, ...wanted }
}

/** The keys of the candidates, all of them unless something else is wanted. */
async function candidates(wanted: Partial<CandidateRequest> = {}) {
  const found = await store.candidates({ type: 'invoice', where: {}, filter: { kind: 'all' }, limit: 10, ...wanted })
  return found.map(({ key }) => key)
}

const asTheyAre = (...keys: readonly string[]) => keys.map((key) => ({ key, version: '1' }))

async function recordedRows(commandId: string): Promise<unknown> {
  const { rows } = await sql<{ rows: unknown }>`
    select detail->'rows' as rows from ledger.commands where id = ${commandId}`.execute(db)
  return rows[0]?.rows
}

async function loaded(type: string, resourceId: string) {
  return (await store.load([{ commandId: 'none', type, resourceId }]))[0]?.resource
}

describe('two declared types', () => {
  beforeEach(async () => {
    await migrate(db, WITH_INVOICES)
    await seedDocuments(db)
    await sql`truncate resources.invoices`.execute(db)
    await sql`
      insert into resources.invoices (invoice_no, owner, department, amount_cents, days_overdue, paid) values
        ('inv_1', 'user_123', 'engineering', ${HUGE}, 40, false),
        ('inv_2', 'user_456', 'sales', 900, 9, true),
        ('inv_3', 'user_123', null, 1000, null, false),
        ('resource_1', 'user_456', 'sales', 1, 100, false)`.execute(db)
  })

  test('are loaded in one query: whole numbers, digits past 2^53, booleans, and no attribute without a value', async () => {
    const [first, second, third] = await store.load([
      { commandId: 'a', type: 'invoice', resourceId: 'inv_1' },
      { commandId: 'b', type: 'document', resourceId: 'resource_1' },
      { commandId: 'c', type: 'invoice', resourceId: 'inv_3' },
    ])
    expect(first?.resource).toMatchObject({
      version: '1',
      attributes: { owner: 'user_123', amount_cents: HUGE, days_overdue: 40, paid: false },
      row: { invoice_no: 'inv_1', amount_cents: HUGE, days_overdue: 40, paid: false, fee_cents: '0', reminders: 0 },
    })
    expect(second?.resource?.row).toMatchObject({ id: 'resource_1', owner: 'user_123' })
    expect(third?.resource?.attributes).toEqual({ owner: 'user_123', amount_cents: '1000', paid: false })
    expect(third?.resource?.row).toMatchObject({ department: null, days_overdue: null })
  })

  test('are changed by one commit, each in its own table, although two of their ids are the same', async () => {
    const patch = { note: 'late', fee_cents: HUGE, reminders: 2, disputed: true }
    const entries = [
      anEntry({ resourceId: 'resource_1', effect: { kind: 'update', version: '1', patch } }),
      anEntry({ resourceType: 'document', resourceId: 'resource_1', effect: { kind: 'delete', version: '1' } }),
      anEntry({ resourceId: 'inv_2', effect: { kind: 'delete', version: '1' } }),
      anEntry({ resourceId: 'inv_3', effect: { kind: 'update', version: '7', patch } }),
    ]
    const recorded = await store.commit(entries, [])
    expect(entries.map(({ commandId }) => recorded.has(commandId))).toEqual([true, true, true, false])
    expect(await loaded('invoice', 'resource_1')).toMatchObject({ version: '2', row: { ...patch, amount_cents: '1' } })
    expect(await loaded('document', 'resource_1')).toBeUndefined()
    expect(await loaded('invoice', 'inv_2')).toBeUndefined()
    expect(await loaded('invoice', 'inv_3')).toMatchObject({ version: '1', row: { note: null, reminders: 0 } })
  })

  test.each<[string, Partial<CandidateRequest>, string[]]>([
    ['an integer', { where: { days_overdue: [9, 40] } }, ['inv_1', 'inv_2']],
    ['a bigint', { where: { amount_cents: HUGE } }, ['inv_1']],
    ['a boolean', { where: { paid: true } }, ['inv_2']],
    ['no value', { where: { days_overdue: null } }, ['inv_3']],
    ['the key', { where: { id: ['inv_2', 'inv_3'] }, after: 'inv_2' }, ['inv_3']],
    ['keys that are named', { keys: ['inv_3', 'inv_1', 'none'] }, ['inv_1', 'inv_3']],
    ['how many', { limit: 2 }, ['inv_1', 'inv_2']],
  ])('are candidates of a collection by %s', async (_what, wanted, expected) => {
    expect(await candidates(wanted)).toEqual(expected)
  })

  test('are candidates with what policies see of them', async () => {
    const [first] = await store.candidates({ type: 'invoice', where: {}, filter: { kind: 'all' }, limit: 1 })
    const attributes = {
      owner: 'user_123',
      department: 'engineering',
      amount_cents: HUGE,
      days_overdue: 40,
      paid: false,
    }
    expect(first).toEqual({ key: 'inv_1', version: '1', attributes })
  })

  test('are filtered by every kind of column as policies compare it: a bigint is text, and has the order of text', async () => {
    const select = (condition: Extract<CandidateRequest['filter'], { kind: 'where' }>['condition']) =>
      candidates({ filter: { kind: 'where', condition } })
    expect(await select({ op: 'gt', attribute: 'days_overdue', operand: { value: 9 } })).toEqual([
      'inv_1',
      'resource_1',
    ])
    expect(await select({ op: 'eq', attribute: 'paid', operand: { value: true } })).toEqual(['inv_2'])
    expect(await select({ op: 'eq', attribute: 'amount_cents', operand: { value: HUGE } })).toEqual(['inv_1'])
    expect(await select({ op: 'lt', attribute: 'amount_cents', operand: { value: '1000' } })).toEqual(['resource_1'])
  })

  test('are changed as a collection, past 2^53 too, and masked row by row in what is read', async () => {
    const patch = { fee_cents: HUGE, reminders: 3, disputed: true }
    const update = aCollection({ action: 'update', patch, rows: asTheyAre('inv_1', 'inv_3') })
    expect(await store.commitCollection(update)).toMatchObject({ outcome: { outcome: 'executed', count: 2 } })
    expect(await loaded('invoice', 'inv_1')).toMatchObject({ version: '2', row: patch })
    expect(await loaded('invoice', 'inv_2')).toMatchObject({ version: '1' })

    const masks = { amount_cents: null, no_column: 'x' }
    const rows = [{ key: 'inv_1', version: '2', masks }, ...asTheyAre('inv_2')]
    const read = aCollection({ rows })
    expect(await store.commitCollection(read)).toEqual({
      outcome: { outcome: 'executed', count: 2, policyRevision: 'r1' },
    })
    expect(await recordedRows(read.commandId)).toMatchObject([
      { ...patch, amount_cents: null },
      { amount_cents: '900' },
    ])
    expect(await recordedRows(read.commandId)).not.toMatchObject([{ no_column: 'x' }, {}])
    expect(await store.commitCollection(read)).toEqual({ recorded: true })
  })

  test('that have changed since their decision keep a collection from anything, or are left out and counted', async () => {
    const rows = [...asTheyAre('inv_1', 'inv_2', 'gone'), { key: 'inv_3', version: '7' }]
    const remove = aCollection({ action: 'delete', rows })
    expect(await store.commitCollection(remove)).toEqual({ changed: ['gone', 'inv_3'] })
    expect(await candidates()).toHaveLength(4)
    expect(await store.commitCollection({ ...remove, leaveOutChanged: true })).toMatchObject({
      outcome: { outcome: 'executed', count: 2, undecided: 2, reasons: [{ code: 'stale' }] },
    })
    expect(await candidates()).toEqual(['inv_3', 'resource_1'])
    expect(await loaded('document', 'resource_1')).toBeDefined()
  })

  test('are open to the authorizer role, by the grants of their migrations', async () => {
    await sql`set role jobwarden_authorizer`.execute(db)
    try {
      const effect = { kind: 'update', version: '1', patch: { reminders: 1 } } as const
      expect((await store.commit([anEntry({ effect })], [])).size).toBe(1)
      const remove = aCollection({ action: 'delete', rows: asTheyAre('inv_2', 'inv_3') })
      expect(await candidates()).toHaveLength(4)
      expect(await store.commitCollection(remove)).toMatchObject({ outcome: { count: 2 } })
    } finally {
      await sql`reset role`.execute(db)
    }
  })

  describe('in the enforcement', () => {
    const overdue = { op: 'gte', attribute: 'days_overdue', operand: { value: 40 } } as const
    /** Allows everything, and of collections what is long overdue. */
    const pdp: Pdp = {
      decide: async (requests) =>
        new Map([...requests.keys()].map((id) => [id, { effect: 'allow', policyRevision: 'r1' }])),
      filter: async (requests) => {
        const answer = { filter: { kind: 'where', condition: overdue }, widened: [], policyRevision: 'r1' } as const
        return new Map([...requests.keys()].map((id) => [id, answer]))
      },
    }

    async function outcomeOf(command: Command): Promise<unknown> {
      const data = await signCommand(command, COMMAND_QUEUE, await importProducerKey(TEST_KEY, 'sign'))
      const delivery = { queue: COMMAND_QUEUE, jobId: command.id, jobName: command.action, data }
      const limits = { maxBytes: 65_536, maxDepth: 8, clockSkewMs: 0 }
      const verifier = await JwsVerifier.create([TEST_KEY])
      const admission = { verifier, resourceTypes: types, limits, now: Date.now }
      const audit = { publish: async () => undefined }
      const collections = { limits: { maxRows: 10, maxExamined: 100 }, observer: UNOBSERVED }
      const [settled] = await processBatch([delivery], { admission, store, pdp, audit, ...collections })
      if (typeof settled !== 'object' || !('count' in settled)) return settled
      expect(settled).not.toHaveProperty('rows')
      return { ...settled, rows: await recordedRows(command.id) }
    }

    test.each<[string, Parameters<typeof aCommand>[0], object]>([
      ['one is read', { resource: { type: 'invoice', id: 'inv_2' } }, { rows: [{ amount_cents: '900', paid: true }] }],
      [
        'a collection is read by its attributes and its id, within the filter',
        { resource: { type: 'invoice', where: { paid: false, amount_cents: [HUGE, '1000'], id: ['inv_1', 'inv_3'] } } },
        { rows: [{ invoice_no: 'inv_1', days_overdue: 40 }] },
      ],
      [
        'a where of the wrong kind is invalid',
        { resource: { type: 'invoice', where: { amount_cents: 900 } } },
        { outcome: 'invalid', reasons: [{ code: 'where' }] },
      ],
      [
        'a patch of what policies decide by is invalid',
        { action: 'update', resource: { type: 'invoice', id: 'inv_1' }, patch: { owner: 'user_456' } },
        { outcome: 'invalid', reasons: [{ code: 'patch' }] },
      ],
    ])('%s', async (_what, wanted, expected) => {
      expect(await outcomeOf(aCommand(wanted))).toMatchObject(expected)
    })
  })
})

test('docs/resource-types.md shows this very declaration and this very table', async () => {
  const source = await readFile('test/support/invoice-type.ts', 'utf8')
  const page = await readFile('docs/resource-types.md', 'utf8')
  const shown = [/^const MAX_INTEGER.*$/m, /^export const invoice: .*?^}$/ms, /^ *create table .*?^ *\)/ms].map(
    (part) => part.exec(source)?.[0].replaceAll(/^ +/gm, ''),
  )
  const text = page.replaceAll(/^ +/gm, '')
  for (const part of shown) expect(text).toContain(part)
})

test.each<[string, Partial<ResourceType>, RegExp]>([
  ['a key that is no text and no number', { key: 'paid' }, /its key "paid" must be a declared column/],
  ['an attribute that is no column', { attributes: ['colour'] }, /"colour" is not a declared column/],
  ['a patch of an attribute', { patch: z.strictObject({ paid: z.boolean() }) }, /may not touch "paid"/],
  ['a name that needs an escape', { table: 'resources.in"voices' }, /"in"voices" is not a name/],
  ['a guard that a patch may touch', { guard: 'reminders' }, /may not touch "reminders": it guards updates/],
  ['a second type of one name', { name: 'document' }, /two resource types have one name/],
])('a declaration with %s is refused at start', (_what, wrong, complaint) => {
  expect(() => declareResourceTypes([document, { ...invoice, ...wrong }])).toThrow(complaint)
})
