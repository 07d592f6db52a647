import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { erasePerson } from '../../../src/audit/erase-person.ts'
import { proveRecord, verifyRecordProof } from '../../../src/audit/prove-record.ts'
import type { Log } from '../../../src/audit/tree/checkpoints.ts'
import { verifyTree } from '../../../src/audit/verify-tree.ts'
import { LedgerTrail } from '../../../src/storage/trail/ledger-trail.ts'
import { listRecords } from '../../../src/storage/trail/list-records.ts'
import { PersonalTables } from '../../../src/storage/trail/personal-store.ts'
import { StoredTrail } from '../../../src/storage/trail/stored-trail.ts'
import { valueOf } from '../../support/audit-tree.ts'
import { type TrailBench, openTrailBench } from '../../support/trail-bench.ts'

const WHY = { by: 'officer', reason: 'asked to' }

let bench: TrailBench
let store: PersonalTables
let stored: StoredTrail
let log: Log

beforeAll(async () => {
  bench = await openTrailBench()
  store = new PersonalTables(bench.open('jobwarden_eraser'))
  stored = new StoredTrail(bench.open('jobwarden_reader'))
  log = { origin: bench.key.name, keys: [bench.key] }
})
afterAll(() => bench.close())
beforeEach(() => bench.empty())

const findings = async () => (await verifyTree({ stored, log, graceMs: 0, onProgress: () => undefined })).findings

/** Everything that the audit schema holds, as a dump would have it. */
async function everyRow(): Promise<string> {
  const { rows: tables } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables where table_schema = 'audit'`.execute(bench.owner)
  const texts = tables.map(async ({ name }) => {
    const { rows } = await sql<{ text: string }>`
      select t::text as text from ${sql.table(`audit.${name}`)} as t`.execute(bench.owner)
    return rows.map(({ text }) => text)
  })
  return (await Promise.all(texts)).flat().join('\n')
}

async function erasures(): Promise<unknown[]> {
  return (await sql`select indexes::int[] as indexes, by, reason from audit.erasures order by seq`.execute(bench.owner))
    .rows
}

test('a user is in no row any more, and the whole trail and earlier proofs verify', async () => {
  await bench.record(3, 'somebody_else')
  const [id = ''] = await bench.record(2, 'user_gone')
  await bench.sequencer().grow()
  const before = await proveRecord(stored, 3, log)
  expect(await everyRow()).toContain('user_gone')

  expect(await erasePerson(store, 'user_gone', WHY)).toEqual({ erased: 2, left: 0 })
  expect(await erasures()).toEqual([{ indexes: [3, 4], ...WHY }])
  expect(await bench.sequencer().grow()).toBe(1)

  const all = await everyRow()
  expect(all).not.toContain('user_gone')
  expect(all).not.toContain(`doc_${id.slice(4)}`)
  expect(all).toContain('somebody_else')
  expect(await findings()).toEqual([])
  expect(valueOf(verifyRecordProof(before, log))).toMatchObject({ record: { id }, size: 5 })
  const after = valueOf(verifyRecordProof(await proveRecord(stored, 3, log), log))
  expect(after.record).toEqual(valueOf(verifyRecordProof(before, log)).record)
  expect(valueOf(verifyRecordProof(await proveRecord(stored, 5, log), log)).record).toMatchObject({
    kind: 'erasure',
    indexes: [3, 4],
  })
  expect((await listRecords(bench.owner, { limit: 2 }))[0]).toMatchObject({
    user_id: null,
    reasons: null,
    job_id: null,
  })
})

test('a denial that is delivered again does not bring them back', async () => {
  const ids = await bench.record(2, 'user_gone')
  await bench.sequencer().grow()
  await erasePerson(store, 'user_gone', WHY)
  expect(await new LedgerTrail(bench.owner).append(ids)).toEqual(new Set(ids))
  expect(await everyRow()).not.toContain('user_gone')
})

test('records without a leaf are left, and counted', async () => {
  await bench.record(2, 'user_gone')
  await bench.sequencer().grow()
  await bench.record(3, 'user_gone')
  expect(await erasePerson(store, 'user_gone', WHY)).toEqual({ erased: 2, left: 3 })
  await bench.sequencer().grow()
  expect(await erasePerson(store, 'user_gone', WHY)).toEqual({ erased: 3, left: 0 })
  await bench.sequencer().grow()
  expect(await findings()).toEqual([])
})

test('more records than a leaf can name are erased by several', async () => {
  await bench.record(2_500, 'user_gone')
  await bench.sequencer().grow()
  expect(await erasePerson(store, 'user_gone', WHY)).toEqual({ erased: 2_500, left: 0 })
  expect(await bench.sequencer().grow()).toBe(2)
  expect(await findings()).toEqual([])
})

test('two who erase at once erase every record once', async () => {
  await bench.record(500, 'user_gone')
  await bench.sequencer().grow()
  const results = await Promise.all([1, 2, 3].map(() => erasePerson(store, 'user_gone', WHY)))
  expect(results.map(({ erased }) => erased).toSorted((one, other) => one - other)).toEqual([0, 0, 500])
  expect(await erasures()).toHaveLength(1)
})

test('who has no records leaves no erasure', async () => {
  expect(await erasePerson(store, 'nobody', WHY)).toEqual({ erased: 0, left: 0 })
  expect(await erasures()).toEqual([])
})

test('a record that is not what its leaf was made of is kept, to be looked at', async () => {
  await bench.record(2, 'user_gone')
  await bench.sequencer().grow()
  await sql`update audit.personal set resource_id = 'other' where seq = (select max(seq) from audit.personal)`.execute(
    bench.owner,
  )
  await expect(erasePerson(store, 'user_gone', WHY)).rejects.toThrow(/^JW_TRAIL_BROKEN: the record of leaf 1 is not/)
  expect(await everyRow()).toContain('user_gone')
  expect(await erasures()).toEqual([])
})

test('digests that are changed after an erasure are named', async () => {
  await bench.record(2, 'user_gone')
  await bench.sequencer().grow()
  await erasePerson(store, 'user_gone', WHY)
  await sql`update audit.erased set digests = jsonb_set(digests, '{userId}', ${`"${'0'.repeat(64)}"`}::jsonb)
    where seq = (select min(seq) from audit.erased)`.execute(bench.owner)
  await bench.sequencer().grow()
  expect(await findings()).toMatchObject([{ index: 0, what: 'is not what its leaf was made of' }])
})
