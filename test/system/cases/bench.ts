import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import type { User } from '../../../src/domain/command.ts'
import { Failure } from '../../../src/domain/failure.ts'
import { Outcome } from '../../../src/domain/outcome.ts'
import { openWorkspace } from '../../../devkit/workspace.ts'
import { explain } from '../../../src/explain/explain.ts'
import { declareResourceTypes } from '../../../src/domain/declare-resource-types.ts'
import { openEmbedded } from '../../../src/storage/database.ts'
import { LedgerStore } from '../../../src/storage/ledger/ledger-store.ts'
import { MIGRATIONS, migrate } from '../../../src/storage/migrate.ts'
import { aCommand } from '../../support/a-command.ts'
import { invoice, invoices } from '../../support/invoice-type.ts'
import { openClient } from '../../support/pdp-client.ts'
import { textsOf } from '../../support/ledger.ts'
import { enforceIn } from '../../support/recording-enforcement.ts'
import { ENTRY_POINT, startPolicies } from '../../support/start-policies.ts'

type Action = 'read' | 'update'

/** An OPA and a database whose policies and invoices each case replaces, with the enforcement between them. */
export async function openCaseBench() {
  const workspace = await openWorkspace()
  const opa = await startPolicies(workspace, [ENTRY_POINT])
  const pdp = await openClient({ url: opa.url, maxResponseBytes: 10_000_000 })
  workspace.defer(() => pdp.close())
  const db = openEmbedded()
  workspace.defer(() => db.destroy())
  await migrate(db, { ...MIGRATIONS, '0900-invoices': invoices })
  const types = declareResourceTypes([invoice])
  const store = new LedgerStore(db, types)

  async function load(policies: string, rows: readonly Readonly<Record<string, unknown>>[]): Promise<void> {
    for (const part of ['authz', 'data_filter']) {
      const [file = ''] = await readdir(join(policies, part))
      const body = await readFile(join(policies, part, file), 'utf8')
      const put = await fetch(`${opa.url}/v1/policies/${part}`, { method: 'PUT', body })
      if (!put.ok) throw new Error(await put.text())
    }
    await sql`truncate resources.invoices`.execute(db)
    await sql`
      insert into resources.invoices (invoice_no, owner, department, amount_cents, days_overdue, paid)
      select id, coalesce(owner, 'nobody'), department, 100, days_overdue, coalesce(paid, false)
        from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
          as r(id text, owner text, department text, days_overdue integer, paid boolean)`.execute(db)
  }

  async function keys(): Promise<string[]> {
    const { rows } = await sql<{ key: string }>`select invoice_no as key from resources.invoices order by 1`.execute(db)
    return rows.map(({ key }) => key)
  }

  const aBatchOf = (user: User, action: Action, ids: readonly (string | undefined)[]) =>
    ids.map((id) => {
      const resource = id === undefined ? { type: 'invoice' } : { type: 'invoice', id }
      return action === 'read'
        ? aCommand({ user, resource })
        : aCommand({ user, resource, action, patch: { note: 'changed' } })
    })

  /** The invoices that commands by id act on. A command on which the policies err acts on nothing. */
  async function byId(user: User, action: Action): Promise<string[]> {
    const ids = await keys()
    const { settlements } = await enforceIn(aBatchOf(user, action, ids), { pdp, store, types })
    return ids.filter((_, index) => {
      const end = settlements[index]
      return end !== undefined && !(end instanceof Failure) && end.outcome === 'executed'
    })
  }

  /** The invoices that one command on all of them acts on. */
  async function collection(user: User, action: Action): Promise<string[]> {
    await sql`update resources.invoices set note = null`.execute(db)
    const [command] = aBatchOf(user, action, [undefined])
    if (command === undefined) throw new Error('no command')
    const { settlements } = await enforceIn([command], { pdp, store, types })
    if (settlements[0] instanceof Failure) throw settlements[0]
    const { rows } = await sql<{
      detail: unknown
    }>`select detail from ledger.commands where id = ${command.id}`.execute(db)
    const outcome = Outcome.parse(rows[0]?.detail)
    if (action === 'read') return textsOf(outcome, 'invoice_no')
    const { rows: changed } = await sql<{ key: string }>`
      select invoice_no as key from resources.invoices where note = 'changed' order by 1`.execute(db)
    return changed.map(({ key }) => key)
  }

  /** The invoices that `explain --rows` does not leave out. */
  async function explained(user: User, action: Action): Promise<string[]> {
    const seen: string[] = []
    const request = { user, action, resource: { type: 'invoice' } }
    const rulesThatHeld = (path: string, input: unknown) => pdp.rulesThatHeld(path, input)
    const asking = {
      decide: pdp.decide.bind(pdp),
      filter: pdp.filter.bind(pdp),
      rulesThatHeld,
    }
    const { leftOut } = await explain(asking, request, invoice, undefined, async ({ filter }) => {
      const found = await store.candidates({ type: 'invoice', where: {}, filter, limit: 1_000 })
      seen.push(...found.map(({ key }) => key))
      return found
    })
    const out = new Set(leftOut?.rows.map(({ key }) => key))
    return seen.filter((key) => !out.has(key))
  }

  return { load, byId, collection, explained, close: () => workspace.close() }
}
