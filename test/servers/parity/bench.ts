import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type RawBuilder, sql } from 'kysely'
import type { Action, User } from '../../../src/domain/command.ts'
import { policyInput } from '../../../src/domain/decision.ts'
import { Failure } from '../../../src/domain/failure.ts'
import { Outcome } from '../../../src/domain/outcome.ts'
import type { RowFilter } from '../../../src/domain/row-filter.ts'
import { startPostgres } from '../../../devkit/start-postgres.ts'
import { openWorkspace } from '../../../devkit/workspace.ts'
import { type FilterAnswer, filterRequest } from '../../../src/enforcement/ports/decision-point.ts'
import { filterSql } from '../../../src/storage/ledger/condition-sql.ts'
import { openPostgres } from '../../../src/storage/database.ts'
import { LedgerStore } from '../../../src/storage/ledger/ledger-store.ts'
import { migrate } from '../../../src/storage/migrate.ts'
import { aCommand } from '../../support/a-command.ts'
import { openClient } from '../../support/pdp-client.ts'
import { enforceIn } from '../../support/recording-enforcement.ts'
import { ENTRY_POINT, startPolicies } from '../../support/start-policies.ts'
import type { GeneratedRow } from './generate.ts'
import { SHAPES, type Shape, TEXT_KEY, typesOf } from './shapes.ts'
import { JSON_NULL } from './values.ts'

/** A real OPA and a real PostgreSQL whose policies and rows a test replaces, with the enforcement between them. */
export type ParityBench = Awaited<ReturnType<typeof openParityBench>>

const NULL_OF_JSON = `case when meta = '"${JSON_NULL}"' then 'null' else meta end`

/** A key is a text or a number in rows. */
const textOf = (key: unknown) => (typeof key === 'string' ? key : JSON.stringify(key))

/** A row as policies see it: its id, and those of its attributes that have a value. */
export type SeenRow = { readonly id: string } & Readonly<Record<string, unknown>>

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
  const stores = new Map(SHAPES.map((shape) => [shape, new LedgerStore(db, typesOf(shape))]))
  for (const { ddl } of SHAPES) await sql.raw(ddl).execute(db)
  let shape: Shape = TEXT_KEY
  let ids: readonly string[] = []

  /** Replaces the policy, the table and its rows; false when it is no policy that workers could use. */
  async function load(policy: string, rows: readonly GeneratedRow[], wanted: Shape = TEXT_KEY): Promise<boolean> {
    const response = await fetch(`${opa.url}/v1/policies/data_filter`, { method: 'PUT', body: policy })
    if (!response.ok) return false
    // A policy that errs on no input at all counts as not loaded, and decides nothing.
    if (!(await pdp.health()).ready) return false
    shape = wanted
    ids = rows.map((_row, index) => shape.id(index))
    const { type } = shape
    const columns = Object.keys(type.columns).filter((column) => column !== 'note')
    const values = rows.map((row, index) => ({ ...row, [type.key]: shape.id(index), letterA: row.a }))
    const record = columns.map((column) => `"${column}" ${type.columns[column]}`).join(', ')
    const list = columns.map((column) => `"${column}"`).join(', ')
    await sql.raw(`truncate ${table()}`).execute(db)
    await sql`insert into ${sql.raw(table())} (${sql.raw(list)})
      select ${sql.raw(list.replace('"meta"', NULL_OF_JSON))} from jsonb_to_recordset(${JSON.stringify(values)}::jsonb) as r(${sql.raw(record)})`.execute(
      db,
    )
    return true
  }

  const table = () => shape.type.table.replace(/^(.*)\.(.*)$/, '"$1"."$2"')
  const store = () => stores.get(shape) ?? new LedgerStore(db, typesOf(shape))

  /** The rows as policies see them when they are asked about each by its id. */
  async function seen(): Promise<SeenRow[]> {
    const requests = ids.map((id) => ({ commandId: id, type: 'sample', resourceId: id }))
    const loaded = await store().load(requests)
    return loaded.map(({ resource }, index) => ({ ...resource?.attributes, id: ids[index] ?? '' }))
  }

  /** The rows that decisions one by one allow, and those on which the policies err. */
  async function decideById(user: User, action: Action) {
    const requests = (await seen()).map(({ id, ...attributes }) => {
      return [id, policyInput({ user, action }, { type: 'sample', id }, attributes)] as const
    })
    const answers = await pdp.decide(new Map(requests))
    const where = (wanted: (answer: unknown) => boolean) => ids.filter((id) => wanted(answers.get(id)))
    return {
      allowed: where((answer) => !(answer instanceof Failure) && JSON.stringify(answer).includes('"effect":"allow"')),
      erring: where((answer) => answer instanceof Failure),
    }
  }

  async function compile(user: User, action: Action): Promise<FilterAnswer> {
    const answer = (await pdp.filter(new Map([['it', filterRequest({ user, action }, shape.type)]]))).get('it')
    if (answer === undefined || answer instanceof Failure) throw answer ?? new Error('no filter')
    return answer
  }

  /** The rows that a filter selects in PostgreSQL. */
  async function select(filter: RowFilter): Promise<string[]> {
    return keys(sql`${filterSql(filter, shape.type)}`)
  }

  async function keys(where: RawBuilder<unknown>): Promise<string[]> {
    const key = sql.ref(`r.${shape.type.key}`)
    const { rows } = await sql<{ id: string }>`
      select ${key}::text as id from ${sql.raw(table())} r where ${where} order by ${key}`.execute(db)
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
    const { settlements } = await enforceIn([asked], { pdp, store: store(), types: typesOf(shape) })
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
    return {
      rows: (outcome.rows ?? []).map((row) => textOf(row[shape.type.key])),
      undecided: outcome.undecided ?? 0,
      waits: false,
    }
  }

  /** The rows that have been changed since they were loaded. */
  const changed = () => keys(sql`r.note is not null`)

  return { load, seen, decideById, compile, select, command, changed, close: () => workspace.close() }
}
