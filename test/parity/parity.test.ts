import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import type { User } from '../../src/domain/command.ts'
import { Failure } from '../../src/domain/failure.ts'
import type { Row } from '../../src/domain/outcome.ts'
import type { Condition, RowFilter } from '../../src/domain/row-filter.ts'
import { rowMatches } from '../../src/domain/row-matches.ts'
import { obtainOpa } from '../../src/local/obtain-opa.ts'
import { type LocalOpa, startOpa } from '../../src/local/start-opa.ts'
import { startPostgres } from '../../src/local/start-postgres.ts'
import { type Workspace, openWorkspace } from '../../src/local/workspace.ts'
import { OpaClient } from '../../src/pdp/opa-client.ts'
import type { FilterRequest } from '../../src/pdp/pdp.ts'
import { type ResourceType, attributeColumns, declareResourceTypes } from '../../src/resources/resource-type.ts'
import { filterSql } from '../../src/storage/condition-sql.ts'
import { type Database, openPostgres } from '../../src/storage/database.ts'
import { policies, rows, users } from './generate.ts'

/** Seed and size of the run: the same seed is the same run. `PARITY_POLICIES=5000` asks for more. */
const SEED = Number(process.env['PARITY_SEED'] ?? Date.now() % 1_000_000_000)
const POLICIES = Number(process.env['PARITY_POLICIES'] ?? 220)

const sample: ResourceType = {
  name: 'sample',
  table: 'public.samples',
  key: 'id',
  columns: { id: 'text', a: 'text', b: 'text', n: 'integer', big: 'bigint', flag: 'boolean' },
  attributes: ['a', 'b', 'n', 'big', 'flag'],
  patch: z.strictObject({}),
}
declareResourceTypes([sample])

let workspace: Workspace
let opa: LocalOpa
let pdp: OpaClient
let db: Database

beforeAll(async () => {
  workspace = await openWorkspace()
  const { path } = await obtainOpa()
  opa = await startOpa({ workspace, opa: path, policies: ['test/parity/policies', 'policies/jobs'] })
  pdp = await OpaClient.open({
    url: opa.url,
    connections: 2,
    maxResponseBytes: 1e7,
    timeoutMs: 20_000,
    retry: { baseMs: 1, maxMs: 1, maxRetries: 0 },
    circuit: { errorPercent: 100, minimumCalls: 1000, resetMs: 1000 },
    headers: () => ({}),
    onCircuitChange: () => undefined,
  })
  workspace.defer(() => pdp.close())
  const { url } = await startPostgres({ workspace, fsync: false })
  db = openPostgres({ url, maxConnections: 1, timeoutMs: 10_000, onError: () => undefined })
  workspace.defer(() => db.destroy())
  // A collation that sorts as people do, which is not how Rego sorts.
  await sql`create table public.samples (id text primary key, a text collate "en-x-icu", b text collate "en-x-icu",
    n integer, big bigint, flag boolean)`.execute(db)
})
afterAll(() => workspace.close())

type Case = { readonly policy: string; readonly user: User; readonly rows: readonly Row[] }
/** Policies on which a reversed comparison and a three-valued `not` show for sure, whatever the seed. */
const TELLING = ['input.resource.n < 2', 'not input.resource.a == "a"'].map(
  (condition) => `package data_filter\n\nimport rego.v1\n\ndefault allow := false\n\nallow if ${condition}`,
)
const generated = fc.sample(fc.record({ policy: policies, user: users, rows }), { seed: SEED, numRuns: POLICIES })

async function load({ policy, rows: all }: Case): Promise<void> {
  const response = await fetch(`${opa.url}/v1/policies/data_filter`, { method: 'PUT', body: policy })
  if (!response.ok) throw new Error(`${policy}\n${await response.text()}`)
  await sql`truncate public.samples`.execute(db)
  await sql`
    insert into public.samples select * from jsonb_to_recordset(${JSON.stringify(all)}::jsonb)
      as r(id text, a text, b text, n integer, big bigint, flag boolean)`.execute(db)
}

const attributes = ({ ...row }: Row) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null))

/** The rows that OPA allows one by one. */
async function decided({ user, rows: all }: Case): Promise<string[]> {
  const requests = all.map((row) => {
    const id = String(row['id'])
    return [id, { user, action: 'read', resource: { ...attributes(row), type: 'sample', id } }] as const
  })
  const answers = await pdp.decide(new Map(requests))
  return requests
    .map(([id]) => id)
    .filter((id) => {
      const answer = answers.get(id)
      if (answer === undefined || answer instanceof Failure) throw new Error(`no decision for ${id}`)
      return answer.effect === 'allow'
    })
}

async function compiled({ user, policy }: Case): Promise<RowFilter> {
  const request = { user, action: 'read', type: 'sample', columns: attributeColumns(sample) } as const
  // The revision stays "unversioned" while the policies change, so the client must not remember: a fresh user does it.
  const nobodyElse: User = Object.assign({ nonce: String(Math.random()) }, user)
  const fresh: FilterRequest = { ...request, user: nobodyElse }
  const answer = (await pdp.filter(new Map([['f', fresh]]))).get('f')
  if (answer === undefined) throw new Error('no filter')
  if (answer instanceof Failure)
    throw new Error(`seed ${SEED}\n${policy}\nuser ${JSON.stringify(user)}`, { cause: answer })
  return answer.filter
}

const inMemory = (filter: RowFilter, { rows: all }: Case) =>
  all.filter((row) => rowMatches(filter, attributes(row))).map(({ id }) => String(id))

async function inPostgres(filter: RowFilter, rewrite: (text: string) => string = (text) => text): Promise<string[]> {
  const query = sql`select r.id from public.samples r where ${filterSql(filter, sample)} order by r.id`.compile(db)
  const { rows: found } = await db.executeQuery<{ id: string }>({ ...query, sql: rewrite(query.sql) })
  return found.map(({ id }) => id)
}

/** Turns every comparison by order around: a mistake that the property must find. */
function reversed(filter: RowFilter): RowFilter {
  const turned = { eq: 'eq', ne: 'ne', lt: 'gt', gt: 'lt', lte: 'gte', gte: 'lte' } as const
  const turn = (condition: Condition): Condition => {
    switch (condition.op) {
      case 'and':
      case 'or':
        return { ...condition, conditions: condition.conditions.map(turn) }
      case 'not':
        return { ...condition, condition: turn(condition.condition) }
      case 'in':
      case 'present':
      case 'startswith':
      case 'endswith':
      case 'contains':
        return condition
      case 'eq':
      case 'ne':
      case 'lt':
      case 'lte':
      case 'gt':
      case 'gte':
        return { ...condition, op: turned[condition.op] }
      default:
        return condition satisfies never
    }
  }
  return filter.kind === 'where' ? { kind: 'where', condition: turn(filter.condition) } : filter
}

const cases = [...generated, ...TELLING.flatMap((policy) => generated.slice(0, 3).map((each) => ({ ...each, policy })))]

test(`for ${POLICIES} policies (seed ${SEED}) decisions, filter in memory and filter in SQL select the same rows`, async () => {
  const found = { rows: 0, none: 0, all: 0, where: 0, reversedCaught: 0, threeValuedCaught: 0 }
  for (const each of cases) {
    await load(each)
    const [allowed, filter] = [await decided(each), await compiled(each)]
    const told = `seed ${SEED}\n${each.policy}\nuser ${JSON.stringify(each.user)}\nfilter ${JSON.stringify(filter)}`
    expect(inMemory(filter, each), `in memory: ${told}`).toEqual(allowed)
    expect(await inPostgres(filter), `in SQL: ${told}`).toEqual(allowed)
    found.rows += each.rows.length
    found[filter.kind] += 1
    if (String(await inPostgres(reversed(filter))) !== String(allowed)) found.reversedCaught += 1
    const slipped = await inPostgres(filter, (text) => text.replaceAll(' is not true', ' is false'))
    if (String(slipped) !== String(allowed)) found.threeValuedCaught += 1
  }
  expect(found.rows).toBeGreaterThanOrEqual(POLICIES * 50)
  // The corpus means something: each kind of filter is in it, and both mistakes show.
  for (const [what, times] of Object.entries(found)) expect([what, times > 0]).toEqual([what, true])
}, 600_000)
