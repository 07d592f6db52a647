import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { z } from 'zod'
import type { Action, User } from '../../../src/domain/command.ts'
import { policyInput } from '../../../src/domain/decision.ts'
import { Failure } from '../../../src/domain/failure.ts'
import { Outcome, type Row } from '../../../src/domain/outcome.ts'
import type { RowFilter } from '../../../src/domain/row-filter.ts'
import { startPostgres } from '../../../devkit/start-postgres.ts'
import { openWorkspace } from '../../../devkit/workspace.ts'
import { type FilterAnswer, filterRequest } from '../../../src/enforcement/ports/decision-point.ts'
import { type ResourceType, declareResourceTypes } from '../../../src/domain/resource-type.ts'
import { filterSql } from '../../../src/storage/ledger/condition-sql.ts'
import { openPostgres } from '../../../src/storage/database.ts'
import { LedgerStore } from '../../../src/storage/ledger/ledger-store.ts'
import { migrate } from '../../../src/storage/migrate.ts'
import { aCommand } from '../../support/a-command.ts'
import { openClient } from '../../support/pdp-client.ts'
import { enforceIn } from '../../support/recording-enforcement.ts'
import { ENTRY_POINT, startPolicies } from '../../support/start-policies.ts'

const sample: ResourceType = {
  name: 'sample',
  table: 'public.samples',
  key: 'id',
  columns: { id: 'text', a: 'text', b: 'text', n: 'integer', big: 'bigint', flag: 'boolean', note: 'text' },
  attributes: ['a', 'b', 'n', 'big', 'flag'],
  patch: z.strictObject({ note: z.string() }),
}
const types = declareResourceTypes([sample])

/** A real OPA and a real PostgreSQL whose policies and rows a test replaces, with the enforcement between them. */
export type ParityBench = Awaited<ReturnType<typeof openParityBench>>

/** What policies see of a row. */
export function attributesOf({ id: _id, ...row }: Row): Record<string, unknown> {
  return Object.fromEntries(Object.entries({ ...row, id: _id }).filter(([, value]) => value !== null))
}

export async function openParityBench() {
  const workspace = await openWorkspace()
  const authz = join(await mkdtemp(join(workspace.path, 'authz-')), 'authz.rego')
  await writeFile(authz, 'package authz\n\n# Everything: the generated data_filter alone decides.\nallow := true\n')
  const opa = await startPolicies(workspace, [authz, ENTRY_POINT])
  const pdp = await openClient({
    url: opa.url,
    maxResponseBytes: 1e7,
    timeoutMs: 20_000,
    retry: { baseMs: 1, maxMs: 1, maxRetries: 0 },
  })
  workspace.defer(() => pdp.close())
  const { url } = await startPostgres({ workspace, fsync: false })
  const db = openPostgres({ url, maxConnections: 2, timeoutMs: 10_000, onError: () => undefined })
  workspace.defer(() => db.destroy())
  await migrate(db)
  // A collation that sorts as people do, which is not how Rego sorts.
  await sql`create table public.samples (id text primary key, a text collate "en-x-icu", b text collate "en-x-icu",
    n integer, big bigint, flag boolean, note text, version bigint not null default 1)`.execute(db)
  const store = new LedgerStore(db, types)

  /** Replaces the policy and the rows; false when it is no policy that workers could use. */
  async function load(policy: string, rows: readonly Row[]): Promise<boolean> {
    const response = await fetch(`${opa.url}/v1/policies/data_filter`, { method: 'PUT', body: policy })
    if (!response.ok) return false
    // A policy that errs on no input at all counts as not loaded, and decides nothing.
    if (!(await pdp.health()).ready) return false
    await sql`truncate public.samples`.execute(db)
    await sql`
      insert into public.samples (id, a, b, n, big, flag) select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as r(id text, a text, b text, n integer, big bigint, flag boolean)`.execute(db)
    return true
  }

  /** The rows that decisions one by one allow, and those on which the policies err. */
  async function decideById(user: User, action: Action, rows: readonly Row[]) {
    const requests = rows.map((row) => {
      const { id, ...attributes } = attributesOf(row)
      return [String(id), policyInput({ user, action }, { type: 'sample', id: String(id) }, attributes)] as const
    })
    const answers = await pdp.decide(new Map(requests))
    const ids = (wanted: (answer: unknown) => boolean) =>
      requests.map(([id]) => id).filter((id) => wanted(answers.get(id)))
    return {
      allowed: ids((answer) => !(answer instanceof Failure) && JSON.stringify(answer).includes('"effect":"allow"')),
      erring: ids((answer) => answer instanceof Failure),
    }
  }

  async function compile(user: User, action: Action): Promise<FilterAnswer> {
    const answer = (await pdp.filter(new Map([['it', filterRequest({ user, action }, sample)]]))).get('it')
    if (answer === undefined || answer instanceof Failure) throw answer ?? new Error('no filter')
    return answer
  }

  /** The rows that a filter selects in PostgreSQL. */
  async function select(filter: RowFilter): Promise<string[]> {
    const { rows } = await sql<{ id: string }>`
      select r.id from public.samples r where ${filterSql(filter, sample)} order by r.id`.execute(db)
    return rows.map(({ id }) => id)
  }

  /**
   * Runs a command on the whole collection; the rows of a read as the ledger has them. It waits when the policies err on
   * every row that it is about, and on a request that is at no fault besides: then it has had no effect.
   */
  async function command(user: User, action: 'read' | 'update') {
    const resource = { type: 'sample' }
    const asked =
      action === 'read' ? aCommand({ user, resource }) : aCommand({ user, resource, action, patch: { note: 'x' } })
    const { settlements } = await enforceIn([asked], { pdp, store, types })
    const [settled] = settlements
    if (settled instanceof Failure && settled.code === 'JW_PDP_SERVER_ERROR')
      return { rows: [], undecided: 0, waits: true }
    if (settled === undefined || settled instanceof Failure) throw settled ?? new Error('no outcome')
    const { rows } = await sql<{ detail: unknown }>`select detail from ledger.commands where id = ${asked.id}`.execute(
      db,
    )
    const outcome = Outcome.parse(rows[0]?.detail)
    if (outcome.outcome === 'denied') return { rows: [], undecided: 0, waits: false }
    if (outcome.outcome !== 'executed') throw new Error(JSON.stringify(outcome))
    return { rows: (outcome.rows ?? []).map(({ id }) => String(id)), undecided: outcome.undecided ?? 0, waits: false }
  }

  /** The rows that have been changed since they were loaded. */
  async function changed(): Promise<string[]> {
    const { rows } = await sql<{ id: string }>`select id from public.samples where version > 1 order by id`.execute(db)
    return rows.map(({ id }) => id)
  }

  return { load, decideById, compile, select, command, changed, close: () => workspace.close() }
}
