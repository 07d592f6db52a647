import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres } from '../../../devkit/start-postgres.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { type Database, openEmbedded, openPostgres } from '../../../src/storage/database.ts'
import { TreeGrowth } from '../../../src/audit/grow-tree.ts'
import { MIGRATIONS, migrate } from '../../../src/storage/migrate.ts'
import { listRecords } from '../../../src/storage/trail/list-records.ts'
import { TreeStore } from '../../../src/storage/trail/tree-store.ts'
import { newKey } from '../../support/audit-tree.ts'

const BACKENDS: readonly (readonly [string, (workspace: Workspace) => Promise<Database>])[] = [
  ['PGlite', async () => openEmbedded()],
  [
    'PostgreSQL',
    async (workspace) => {
      const { url } = await startPostgres({ workspace, fsync: false })
      return openPostgres({ url, maxConnections: 2, timeoutMs: 10_000, onError: () => undefined })
    },
  ],
]

const BEFORE = Object.fromEntries(Object.entries(MIGRATIONS).filter(([name]) => name < '0005'))
const COLUMNS = `seq, id, outcome, reasons, user_id, user_role, action, resource_type, resource_id, producer, queue, job_id,
  policy_revision, input_digest, trace_id, occurred_at, recorded_at`

describe.each(BACKENDS)('records from before personal columns were apart, on %s', (_name, open) => {
  let workspace: Workspace
  let db: Database
  let before: unknown[]

  const records = async (from: string) =>
    (await sql.raw(`select ${COLUMNS} from ${from} order by seq`).execute(db)).rows

  beforeAll(async () => {
    workspace = await openWorkspace()
    db = await open(workspace)
    workspace.defer(() => db.destroy())
    await migrate(db, BEFORE)
    await sql`
      insert into audit.records (id, outcome, reasons, user_id, user_role, action, resource_type, resource_id, queue, job_id,
        input_digest, occurred_at)
      select 'old-' || n, 'denied', '[{"code":"z","message":"it''s"},{"code":"a","message":"b"},{"code":"z","message":"c"}]',
             'user_' || n, 'guest', 'read', 'document', 'r', 'q', 'old-' || n, 'input', now()
        from generate_series(1, 50) n`.execute(db)
    await sql`delete from audit.records where seq in (7, 8, 50)`.execute(db)
    before = await records('audit.records')
    await migrate(db)
  })
  afterAll(() => workspace.close())

  test('read as they did, with their codes sorted and each once', async () => {
    expect(before).toHaveLength(47)
    expect(await records('audit.denials')).toEqual(before)
    const [newest] = await listRecords(db, { userId: 'user_49', reason: 'a', limit: 2 })
    expect(newest).toMatchObject({ id: 'old-49', reason_codes: ['a', 'z'], reasons: [{ code: 'z' }, {}, {}] })
  })

  test('have a salt of 32 bytes each, and no two the same', async () => {
    const { rows } = await sql`
      select count(*)::int as all, count(distinct salt)::int as salts, min(length(salt)) as least from audit.personal`.execute(
      db,
    )
    expect(rows).toEqual([{ all: 47, salts: 47, least: 32 }])
  })

  test('become leaves in the order in which they came', async () => {
    const options = { key: newKey('example.com/audit/test'), heartbeatMs: 3_600_000, sequencer: 'auditor-1' }
    expect(await new TreeGrowth({ ...options, trail: new TreeStore(db) }).grow()).toBe(47)
    const { rows } = await sql<{ seq: unknown }>`select seq from audit.leaves order by index`.execute(db)
    const { rows: kept } = await sql<{ seq: unknown }>`select seq from audit.records order by seq`.execute(db)
    expect(rows).toEqual(kept)
  })

  test('are followed by records with later numbers', async () => {
    const { rows } = await sql<{ seq: unknown }>`
      insert into audit.records (id, outcome, reason_codes, queue, occurred_at)
      values ('new', 'denied', '{}', 'q', now()) returning seq`.execute(db)
    expect(rows.map(({ seq }) => Number(seq))).toEqual([50])
  })

  test('are listed without their personal columns once those are gone', async () => {
    await sql`delete from audit.personal where user_id = 'user_3'`.execute(db)
    expect(await listRecords(db, { userId: 'user_3', limit: 5 })).toEqual([])
    const erased = (await listRecords(db, { reason: 'z', limit: 100 })).find(({ id }) => id === 'old-3')
    expect(erased).toMatchObject({ outcome: 'denied', user_id: null, reasons: null, job_id: null, input_digest: null })
  })
})
