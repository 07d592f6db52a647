import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Outcome } from '../../../src/domain/outcome.ts'
import { startPostgres } from '../../../devkit/start-postgres.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { resourceTypes } from '../../../src/resource-types/registry.ts'
import type { LedgerEntry, Rejection } from '../../../src/enforcement/ports/command-store.ts'
import { type Database, openEmbedded, openPostgres } from '../../../src/storage/database.ts'
import { LedgerStore } from '../../../src/storage/ledger/ledger-store.ts'
import { LedgerTrail } from '../../../src/storage/trail/ledger-trail.ts'
import { listRecords } from '../../../src/storage/trail/list-records.ts'
import { migrate, requireMigrated } from '../../../src/storage/migrate.ts'
import { PEOPLE } from '../../support/a-command.ts'
import { seedDocuments } from '../../support/stack.ts'

/** One suite for every database that keeps the ledger: what holds on one holds on the other. */
const BACKENDS: readonly (readonly [string, (workspace: Workspace) => Promise<Database>])[] = [
  ['PGlite', async () => openEmbedded()],
  [
    'PostgreSQL',
    async (workspace) => {
      const { url } = await startPostgres({ workspace, fsync: false })
      return openPostgres({ url, maxConnections: 4, timeoutMs: 10_000, onError: () => undefined })
    },
  ],
]

const executed: Outcome = { outcome: 'executed', count: 1, policyRevision: 'r1' }
const denied: Outcome = { outcome: 'denied', reasons: [{ code: 'not_owner', message: 'no' }], policyRevision: 'r1' }
let commands = 0

function anEntry(wanted: Partial<LedgerEntry> = {}): LedgerEntry {
  return {
    commandId: `command-${(commands += 1)}`,
    commandDigest: 'digest',
    producer: 'test-producer',
    queue: 'jobwarden-commands',
    user: PEOPLE.user123,
    action: 'update',
    resourceType: 'document',
    resourceId: 'resource_1',
    request: { user: PEOPLE.user123, action: 'update', resource: { type: 'document', id: 'resource_1' } },
    issuedAt: '2026-01-01T00:00:00Z',
    expiresAt: '2026-01-02T00:00:00Z',
    inputDigest: 'input',
    outcome: executed,
    ...wanted,
  }
}

const update = (version: string, patch: Record<string, string | null> = { name: 'new' }) =>
  ({ kind: 'update', version, patch }) as const
const aRejection = (id: string): Rejection => ({
  id,
  queue: 'jobwarden-commands',
  jobId: 'job',
  reasons: [{ code: 'unsigned', message: 'no signature' }],
})

describe.each(BACKENDS)('the store on %s', (_name, open) => {
  let workspace: Workspace
  let db: Database
  let store: LedgerStore
  let trail: LedgerTrail

  beforeAll(async () => {
    workspace = await openWorkspace()
    db = await open(workspace)
    workspace.defer(() => db.destroy())
    await migrate(db)
    store = new LedgerStore(db, resourceTypes)
    trail = new LedgerTrail(db)
  })
  afterAll(() => workspace.close())
  beforeEach(() => seedDocuments(db))

  const document = async (id = 'resource_1') =>
    (await store.load([{ commandId: 'none', type: 'document', resourceId: id }]))[0]?.resource

  test('a database that was never migrated is told so, with the command to run', async () => {
    const fresh = openEmbedded()
    await expect(requireMigrated(fresh)).rejects.toThrow(/lacks 0001-.*npx jobwarden migrate/)
    await fresh.destroy()
  })

  test('migrating twice changes nothing', async () => {
    expect(await migrate(db)).toEqual([])
    await requireMigrated(db)
  })

  test('loads resources and earlier outcomes in the order of the requests', async () => {
    const entry = anEntry({ outcome: denied })
    await store.commit([entry], [])
    const loaded = await store.load([
      { commandId: 'x', type: 'document', resourceId: 'resource_2' },
      { commandId: entry.commandId, type: 'document', resourceId: 'missing' },
      { commandId: 'y', type: 'unknown', resourceId: 'resource_1' },
    ])
    expect(loaded).toEqual([
      {
        resource: {
          attributes: { owner: 'user_456', department: 'sales' },
          version: '1',
          row: {
            id: 'resource_2',
            name: 'Resource 2',
            owner: 'user_456',
            department: 'sales',
            data: 'sensitive information',
          },
        },
      },
      { earlier: { commandDigest: 'digest', outcome: denied } },
      {},
    ])
  })

  test('an update with the decided version takes effect with its outcome', async () => {
    const entry = anEntry({ effect: update('1', { name: 'new', data: null }) })
    expect(await store.commit([entry], [])).toEqual(new Set([entry.commandId]))
    expect(await document()).toMatchObject({ version: '2', row: { name: 'new', data: null, owner: 'user_123' } })
  })

  test('an update with another version has neither effect nor outcome, and the others of the batch have theirs', async () => {
    const stale = anEntry({ effect: update('7') })
    const fine = anEntry({ resourceId: 'resource_2', effect: { kind: 'delete', version: '1' } })
    expect(await store.commit([stale, fine], [])).toEqual(new Set([fine.commandId]))
    expect(await document()).toMatchObject({ version: '1', row: { name: 'Resource 1' } })
    expect(await document('resource_2')).toBeUndefined()
  })

  test('a command that is recorded already has no second effect and keeps its outcome', async () => {
    const entry = anEntry({ effect: update('1') })
    await store.commit([entry], [])
    expect(await store.commit([{ ...entry, effect: update('2', { name: 'twice' }) }], [])).toEqual(new Set())
    expect(await store.commit([{ ...entry, effect: undefined, outcome: denied }], [])).toEqual(new Set())
    expect(await document()).toMatchObject({ version: '2', row: { name: 'new' } })
    const [loaded] = await store.load([{ commandId: entry.commandId, type: 'document', resourceId: 'resource_1' }])
    expect(loaded?.earlier?.outcome).toEqual(executed)
  })

  test('an effect without a decision is refused by the database itself, with all of its batch', async () => {
    const undecided = anEntry({ effect: update('1'), inputDigest: undefined })
    const fine = anEntry({ outcome: denied })
    await expect(store.commit([undecided, fine], [])).rejects.toMatchObject({ code: 'JW_STORE_REJECTED' })
    expect(await document()).toMatchObject({ version: '1' })
  })

  test('two commits of one command at the same moment have one effect', async () => {
    const entry = anEntry({ effect: update('1') })
    const results = await Promise.allSettled([store.commit([entry], []), store.commit([entry], [])])
    const recorded = results.filter((result) => result.status === 'fulfilled' && result.value.has(entry.commandId))
    expect(recorded).toHaveLength(1)
    expect(await document()).toMatchObject({ version: '2' })
  })

  test('two commits of one command id with different effects at the same moment have one effect', async () => {
    const entry = anEntry({ effect: update('1') })
    const other = { ...entry, resourceId: 'resource_2' }
    const results = await Promise.allSettled([store.commit([entry], []), store.commit([other], [])])
    const failures = results.flatMap((result): unknown => (result.status === 'rejected' ? [result.reason] : []))
    for (const failure of failures) expect(failure).toMatchObject({ code: 'JW_STORE_UNAVAILABLE' })
    const versions = [(await document())?.version, (await document('resource_2'))?.version]
    expect(new Set(versions)).toEqual(new Set(['1', '2']))
  })

  test('batches that touch the same resources in opposite orders do not wait for each other', async () => {
    const pair = (first: string, second: string) => [
      anEntry({ resourceId: first, effect: update('1') }),
      anEntry({ resourceId: second, effect: update('1') }),
    ]
    const results = await Promise.all([
      store.commit(pair('resource_1', 'resource_2'), []),
      store.commit(pair('resource_2', 'resource_1'), []),
    ])
    expect(new Set(results.map(({ size }) => size))).toEqual(new Set([0, 2]))
  })

  test('denials and rejections reach the trail once, and only those that the ledger has', async () => {
    const denial = anEntry({ outcome: denied })
    await store.commit([denial, anEntry()], [aRejection('invalid.1')])
    await store.commit([], [aRejection('invalid.1')])
    const ids = [denial.commandId, 'invalid.1', 'made-up']
    expect(await trail.append(ids)).toEqual(new Set([denial.commandId, 'invalid.1']))
    expect(await trail.append(ids)).toEqual(new Set([denial.commandId, 'invalid.1']))
    const records = await listRecords(db, { limit: 1000 })
    expect(records.filter(({ id }) => ids.includes(id))).toHaveLength(2)
    expect(records.some(({ id }) => id === 'made-up')).toBe(false)
  })

  test('denials that the trail lacks are found, oldest first', async () => {
    await store.commit([anEntry({ outcome: denied, commandId: 'lost-1' })], [])
    await store.commit([anEntry({ outcome: denied, commandId: 'lost-2' })], [aRejection('invalid.lost')])
    const missing = await trail.missing(new Date(0), new Date(Date.now() + 60_000), 1000)
    const ids = missing.map(({ denial }) => denial.id)
    expect(ids).toEqual(expect.arrayContaining(['lost-1', 'lost-2', 'invalid.lost']))
    await trail.append(ids)
    expect(await trail.missing(new Date(0), new Date(Date.now() + 60_000), 1000)).toEqual([])
  })

  test.each([
    [{ userId: 'user_456' }, ['by-456']],
    [{ resourceId: 'r-77' }, ['by-456', 'by-guest']],
    [{ reason: 'special' }, ['by-guest']],
    [{ resourceId: 'r-77', outcome: 'stale' }, []],
    [{ resourceId: 'r-77', until: new Date(0) }, []],
  ])('the trail is listed by %j', async (filter, expected) => {
    const special: Outcome = { ...denied, reasons: [{ code: 'special', message: "it's" }], policyRevision: 'r1' }
    const common = { resourceId: 'r-77', outcome: denied }
    await store.commit(
      [
        anEntry({ ...common, commandId: 'by-456', user: PEOPLE.user456 }),
        anEntry({ ...common, commandId: 'by-guest', user: PEOPLE.guest, outcome: special }),
      ],
      [],
    )
    await trail.append(['by-456', 'by-guest'])
    const records = await listRecords(db, { ...filter, limit: 1000 })
    const mine = records.filter(({ id }) => id.startsWith('by-'))
    expect(mine.map(({ id }) => id).toSorted()).toEqual(expected)
  })

  describe('the roles', () => {
    const as = async (role: string, statement: string) => {
      return db.connection().execute(async (connection) => {
        await sql`set role ${sql.ref(role)}`.execute(connection)
        try {
          await sql.raw(statement).execute(connection)
          return 'done'
        } catch (error) {
          return error instanceof Error && /permission denied/.test(error.message) ? 'refused' : String(error)
        } finally {
          await sql`reset role`.execute(connection)
        }
      })
    }
    const NOBODY = { authorizer: 'refused', auditor: 'refused', reader: 'refused' } as const
    const rights: readonly (readonly [string, Record<string, 'done' | 'refused'>])[] = [
      ['select 1 from resources.documents', { authorizer: 'done', auditor: 'refused', reader: 'refused' }],
      ["update resources.documents set name = 'x'", { authorizer: 'done', auditor: 'refused', reader: 'refused' }],
      ['select 1 from ledger.commands', { authorizer: 'done', auditor: 'done', reader: 'done' }],
      ['delete from ledger.commands', NOBODY],
      ["update ledger.commands set outcome = 'executed'", NOBODY],
      ['select 1 from audit.records', { authorizer: 'refused', auditor: 'done', reader: 'done' }],
      [
        `insert into audit.records (id, outcome, reason_codes, queue, occurred_at)
         values (gen_random_uuid()::text, 'denied', '{}', 'q', now())`,
        { authorizer: 'refused', auditor: 'done', reader: 'refused' },
      ],
      ['select 1 from audit.personal', { authorizer: 'refused', auditor: 'done', reader: 'done' }],
      ['select 1 from audit.denials', { authorizer: 'refused', auditor: 'done', reader: 'done' }],
      ["update audit.personal set user_id = 'x'", NOBODY],
      ['delete from audit.personal', NOBODY],
      ["update audit.records set outcome = 'expired'", NOBODY],
      ['delete from audit.records', NOBODY],
      ['truncate audit.records', NOBODY],
      ['select 1 from audit.policy_activations', { authorizer: 'refused', auditor: 'done', reader: 'done' }],
      [
        `insert into audit.policy_activations (bundle, revision, digest, signed_by, pushed_at, pushed_by, first_seen_at,
         first_seen_by) values ('b', 'r', 'd', 'k', clock_timestamp(), 'p', now(), 's')`,
        { authorizer: 'refused', auditor: 'done', reader: 'refused' },
      ],
      ["update audit.policy_activations set signed_by = 'x'", NOBODY],
      ['delete from audit.policy_activations', NOBODY],
      ['select 1 from audit.leaves', { authorizer: 'refused', auditor: 'done', reader: 'done', eraser: 'done' }],
      [
        "insert into audit.leaves (index, kind, seq, hash) values (0, 'denial', 0, sha256(''))",
        { authorizer: 'refused', auditor: 'done', reader: 'refused', eraser: 'refused' },
      ],
      ...['leaves', 'tile_hashes', 'checkpoints', 'heartbeats', 'erasures', 'erased'].map(
        (table) =>
          [
            `delete from audit.${table}`,
            { authorizer: 'refused', auditor: 'refused', reader: 'refused', eraser: 'refused' },
          ] as const,
      ),
      [
        'update audit.leaves set index = index',
        { authorizer: 'refused', auditor: 'refused', reader: 'refused', eraser: 'refused' },
      ],
      ['delete from audit.pending', { authorizer: 'refused', auditor: 'done', reader: 'refused', eraser: 'refused' }],
      [
        'delete from audit.personal where false',
        { authorizer: 'refused', auditor: 'refused', reader: 'refused', eraser: 'done' },
      ],
      ["update audit.personal set user_id = 'x'", { eraser: 'refused' }],
      ['select 1 from ledger.commands', { eraser: 'refused' }],
      ['create table resources.mine (id int)', NOBODY],
    ]
    test.each(rights)('%s', async (statement, expected) => {
      for (const [role, may] of Object.entries(expected))
        expect([role, await as(`jobwarden_${role}`, statement)]).toEqual([role, may])
    })
  })
})
