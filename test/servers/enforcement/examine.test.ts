import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Command, ResourceCollection } from '../../../src/domain/command.ts'
import type { Decision, DecisionRequest } from '../../../src/domain/decision.ts'
import { Failure } from '../../../src/domain/failure.ts'
import { Outcome } from '../../../src/domain/outcome.ts'
import type { RowFilter } from '../../../src/domain/row-filter.ts'
import type { Disagreement } from '../../../src/enforcement/ports/observer.ts'
import { startPostgres } from '../../../devkit/start-postgres.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import type { Pdp } from '../../../src/enforcement/ports/decision-point.ts'
import { resourceTypes } from '../../../src/resource-types/registry.ts'
import { type Database, openPostgres } from '../../../src/storage/database.ts'
import { LedgerStore } from '../../../src/storage/ledger/ledger-store.ts'
import { LedgerTrail } from '../../../src/storage/trail/ledger-trail.ts'
import { migrate } from '../../../src/storage/migrate.ts'
import { PEOPLE, aCommand } from '../../support/a-command.ts'
import { textsOf } from '../../support/ledger.ts'
import { enforceIn } from '../../support/recording-enforcement.ts'

const ROWS = 60

let workspace: Workspace
let db: Database
let store: LedgerStore

beforeAll(async () => {
  workspace = await openWorkspace()
  const { url } = await startPostgres({ workspace, fsync: false })
  db = openPostgres({ url, maxConnections: 8, timeoutMs: 10_000, onError: () => undefined })
  workspace.defer(() => db.destroy())
  await migrate(db)
  store = new LedgerStore(db, resourceTypes)
})
afterAll(() => workspace.close())
beforeEach(async () => {
  await sql`truncate ledger.commands, resources.documents, audit.records cascade`.execute(db)
  await sql`
    insert into resources.documents (id, name, owner, department, data)
    select 'doc_' || lpad(n::text, 2, '0'), 'as at the start', (array['ann', 'ben'])[1 + n % 2], 'sales', 'content'
      from generate_series(0, ${ROWS - 1}::int) n`.execute(db)
})

type Verdict = 'allow' | 'deny' | 'err'
type Script = { filter?: RowFilter; decide?: (request: DecisionRequest) => Verdict; meanwhile?: () => Promise<unknown> }

/** A PDP whose filter lets everything through, and whose decisions a test scripts. */
function scripted({ filter = { kind: 'all' }, decide = () => 'allow', meanwhile }: Script = {}): Pdp {
  const answers: Readonly<Record<Verdict, Decision | Failure>> = {
    allow: { effect: 'allow', policyRevision: 'r1' },
    deny: { effect: 'deny', reasons: [{ code: 'no', message: 'No.' }], policyRevision: 'r1' },
    err: new Failure('JW_PDP_POISON', 'a policy errs on it'),
  }
  return {
    decide: async (requests) => {
      const decided = new Map([...requests].map(([id, request]) => [id, answers[decide(request)]]))
      await meanwhile?.()
      return decided
    },
    filter: async (requests) =>
      new Map([...requests.keys()].map((id) => [id, { filter, widened: [], policyRevision: 'r1' }])),
  }
}

const owned = ({ resource }: DecisionRequest): Verdict => (resource['owner'] === 'ann' ? 'allow' : 'deny')
const all = { type: 'document' }
const read = (resource: ResourceCollection = all) => aCommand({ user: PEOPLE.admin, resource })
const update = (resource: ResourceCollection = all, name = 'changed') =>
  aCommand({ user: PEOPLE.admin, resource, action: 'update', patch: { name } })

type Settings = { maxRows?: number; maxExamined?: number; onDisagreement?: (seen: Disagreement) => void }

async function outcomeOf(command: Command, pdp: Pdp, settings: Settings = {}) {
  const { settlements, published } = await enforceIn([command], { pdp, store, types: resourceTypes, ...settings })
  const [settled] = settlements
  if (settled === undefined || settled instanceof Failure) throw settled ?? new Error('no outcome')
  const { rows } = await sql<{ detail: unknown }>`select detail from ledger.commands where id = ${command.id}`.execute(
    db,
  )
  const outcome = Outcome.parse(rows[0]?.detail)
  const ids = textsOf(outcome, 'id')
  return { outcome, ids, published }
}

async function named(name: string): Promise<string[]> {
  const { rows } = await sql<{
    id: string
  }>`select id from resources.documents where name = ${name} order by id`.execute(db)
  return rows.map(({ id }) => id)
}

describe('the cap on rows that are decided for one command', () => {
  test('ends a read early, which says so and where to go on, until every row was decided once', async () => {
    const seen: string[] = []
    let decided = 0
    const pdp = scripted({
      decide: (request) => {
        decided += 1
        return owned(request)
      },
    })
    let after: string | undefined
    for (let part = 0; part < 10; part++) {
      const { outcome, ids } = await outcomeOf(read(after === undefined ? all : { ...all, after }), pdp, {
        maxExamined: 25,
      })
      if (outcome.outcome !== 'executed') throw new Error(JSON.stringify(outcome))
      seen.push(...ids)
      expect(outcome.examined).toBe(outcome.next === undefined ? undefined : 25)
      after = outcome.next
      if (after === undefined) break
    }
    expect(decided).toBe(ROWS)
    expect(seen).toEqual(Array.from({ length: ROWS / 2 }, (_, index) => `doc_${String(index * 2).padStart(2, '0')}`))
  })

  test('denies an update that gives no limit, and changes nothing', async () => {
    const { outcome } = await outcomeOf(update(), scripted({ decide: owned }), { maxExamined: 25 })
    expect(outcome).toMatchObject({
      outcome: 'denied',
      reasons: [
        { code: 'too_many_rows', message: expect.stringMatching(/more than 25 rows would have to be decided/) },
      ],
    })
    expect(await named('changed')).toEqual([])
  })

  test('lets an update with a limit change what it found', async () => {
    const { outcome } = await outcomeOf(update({ ...all, limit: 20 }), scripted({ decide: owned }), { maxExamined: 25 })
    expect(outcome).toMatchObject({ outcome: 'executed', count: 13, examined: 25, next: 'doc_24' })
    expect(await named('changed')).toHaveLength(13)
  })
})

test('pages hold as many rows as asked for, however many are denied between them, and end without a next', async () => {
  const first = await outcomeOf(read({ ...all, limit: 20 }), scripted({ decide: owned }))
  expect(first.outcome).toMatchObject({ count: 20, next: 'doc_38' })
  const second = await outcomeOf(read({ ...all, limit: 20, after: 'doc_38' }), scripted({ decide: owned }))
  expect(second.outcome).toMatchObject({ count: 10 })
  expect(second.outcome).not.toHaveProperty('next')
})

test('a row that the filter lets through and the decision denies is left out, and told without its content', async () => {
  const told: Disagreement[] = []
  const { outcome } = await outcomeOf(update(), scripted({ decide: owned }), {
    onDisagreement: (seen) => told.push(seen),
  })
  expect(outcome).toMatchObject({ outcome: 'executed', count: 30 })
  expect(told).toEqual([{ type: 'document', action: 'update', policyRevision: 'r1', rows: 30, widened: [] }])
  expect((await named('changed')).length).toBe(30)
})

test('rows on which the policies err are left out and counted, and the outcome goes to the trail', async () => {
  const pdp = scripted({ decide: ({ resource }) => (['doc_03', 'doc_07'].includes(resource.id) ? 'err' : 'allow') })
  const command = update()
  const { outcome, published } = await outcomeOf(command, pdp)
  expect(outcome).toMatchObject({
    outcome: 'executed',
    count: ROWS - 2,
    undecided: 2,
    reasons: [{ code: 'undecided' }],
  })
  expect(await named('as at the start')).toEqual(['doc_03', 'doc_07'])
  expect(published).toMatchObject([{ denial: { id: command.id, outcome: 'executed', userId: 'admin_1' } }])
  const trail = new LedgerTrail(db)
  expect(await trail.append([command.id])).toEqual(new Set([command.id]))
  const { rows } = await sql`select outcome, reasons->0->>'code' as code from audit.denials`.execute(db)
  expect(rows).toEqual([{ outcome: 'executed', code: 'undecided' }])
})

test('an error of a policy on rows behind a page is counted by the command that takes them', async () => {
  const pdp = scripted({ decide: ({ resource }) => (resource.id === 'doc_05' ? 'err' : 'allow') })
  expect((await outcomeOf(read({ ...all, limit: 5 }), pdp)).outcome).not.toHaveProperty('undecided')
  expect((await outcomeOf(read({ ...all, limit: 5, after: 'doc_04' }), pdp)).outcome).toMatchObject({ undecided: 1 })
})

test('masks are those of the decision on each row', async () => {
  const pdp = scripted()
  const decide: Pdp['decide'] = async (requests) =>
    new Map(
      [...requests].map(([id, { resource }]) => {
        const masks = resource['owner'] === 'ann' ? undefined : { data: '***' }
        return [id, { effect: 'allow', policyRevision: 'r1', masks }]
      }),
    )
  const { outcome } = await outcomeOf(read({ ...all, limit: 2 }), { ...pdp, decide })
  expect(outcome).toMatchObject({
    rows: [
      { owner: 'ann', data: 'content' },
      { owner: 'ben', data: '***' },
    ],
  })
})

describe('rows that change between decision and effect', () => {
  const giveAway = (...ids: readonly string[]) =>
    sql`update resources.documents set owner = 'ben', version = version + 1
         where id in (select jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb))`.execute(db)
  const touch = (id: string) =>
    sql`update resources.documents set data = 'other', version = version + 1 where id = ${id}`.execute(db)

  test('are decided again: who lost a row meanwhile does not act on it, and acts on the others', async () => {
    let times = 0
    const pdp = scripted({
      decide: owned,
      meanwhile: async () => {
        times += 1
        if (times === 1) await giveAway('doc_00', 'doc_02')
        if (times === 1) await touch('doc_04')
        if (times === 1) await sql`delete from resources.documents where id = 'doc_06'`.execute(db)
      },
    })
    expect((await outcomeOf(update(), pdp)).outcome).toMatchObject({ outcome: 'executed', count: 27 })
    expect(times).toBe(2)
    const changed = await named('changed')
    expect(changed).toContain('doc_04')
    expect(changed).not.toContain('doc_00')
  })

  test('three times over are left out, counted and told to auditors; the others get their effect', async () => {
    let times = 0
    const pdp = scripted({
      decide: owned,
      meanwhile: async () => {
        times += 1
        await touch('doc_10')
      },
    })
    const { outcome, published } = await outcomeOf(update(), pdp)
    expect(times).toBe(3)
    expect(outcome).toMatchObject({ outcome: 'executed', count: 29, undecided: 1, reasons: [{ code: 'stale' }] })
    expect(published).toHaveLength(1)
    expect(await named('changed')).not.toContain('doc_10')
  })

  test('are not returned as they are now by a read that was decided on what they were', async () => {
    let times = 0
    const pdp = scripted({
      decide: owned,
      meanwhile: async () => {
        times += 1
        if (times === 1) await giveAway('doc_00')
      },
    })
    const { ids } = await outcomeOf(read(), pdp)
    expect(ids).toHaveLength(29)
    expect(ids).not.toContain('doc_00')
  })
})

test('collections over the same rows at the same time and a busy writer end each in one outcome, with every effect counted', async () => {
  const stop = new AbortController()
  const writer = (async () => {
    let writes = 0
    for (; !stop.signal.aborted; writes++) {
      const id = `doc_${String((writes * 7) % ROWS).padStart(2, '0')}`
      await sql`update resources.documents set version = version + 1 where id = ${id}`.execute(db)
    }
    return writes
  })()
  const commands = Array.from({ length: 24 }, (_, index) => update(all, `by ${index}`))
  const ends = await Promise.all(commands.map((command) => outcomeOf(command, scripted({ decide: owned }))))
  stop.abort()
  const writes = await writer
  const count = ends.reduce((sum, { outcome }) => sum + (outcome.outcome === 'executed' ? outcome.count : 0), 0)
  const undecided = ends.reduce((sum, { outcome }) => sum + ('undecided' in outcome ? (outcome.undecided ?? 0) : 0), 0)
  expect(count + undecided).toBe(24 * 30)
  const { rows } = await sql<{
    changes: number
  }>`select sum(version - 1)::int as changes from resources.documents`.execute(db)
  expect(rows[0]?.changes).toBe(count + writes)
})
