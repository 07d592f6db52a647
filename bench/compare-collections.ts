import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { opaOptions } from '../src/config/adapter-options.ts'
import { loadConfig } from '../src/config/load-config.ts'
import { Failure } from '../src/domain/failure.ts'
import { obtainOpa } from '../src/local/obtain-opa.ts'
import { type LocalOpa, startOpa } from '../src/local/start-opa.ts'
import { type LocalPostgres, startPostgres } from '../src/local/start-postgres.ts'
import type { Workspace } from '../src/local/workspace.ts'
import { OpaClient } from '../src/pdp/opa-client.ts'
import { resourceTypes } from '../src/resources/registry.ts'
import { attributeColumns } from '../src/resources/resource-type.ts'
import { type Database, openPostgres } from '../src/storage/database.ts'
import { LedgerStore } from '../src/storage/ledger-store.ts'
import { migrate } from '../src/storage/migrate.ts'
import { residentMiB } from './resident-memory.ts'

/** One way to give a user the rows that the policies allow. */
export type CollectionRow = {
  readonly name: string
  readonly ms: number
  readonly rows: number
  readonly memoryMiB: number
}

/** Each owner has a thousandth of the documents. */
const OWNERS = 1_000
const TRIES = 5

const USER = { id: 'user_7', role: 'user', department: 'engineering' } as const

/** Reads one user's documents of many: by a filter in SQL, and by the article's way, all documents inside OPA. */
export async function compareCollections(
  documents: number,
  workspace: Workspace,
  say: (line: string) => void,
): Promise<CollectionRow[]> {
  const { path: opa } = await obtainOpa({ say: () => undefined })
  const postgres = await startPostgres({ workspace, fsync: true, say })
  const owner = openPostgres({
    url: postgres.url,
    maxConnections: 1,
    timeoutMs: 300_000,
    onError: (error) => say(error.message),
  })
  workspace.defer(() => owner.destroy())
  await migrate(owner)
  say(`${documents} documents into PostgreSQL`)
  await sql`
    insert into resources.documents (id, name, owner, department, data)
    select 'doc_' || n, 'Document ' || n, 'user_' || n % ${OWNERS}::int, 'sales', 'sensitive information'
      from generate_series(0, ${documents - 1}::int) n`.execute(owner)
  await sql`vacuum analyze resources.documents`.execute(owner)
  const filtering = await startOpa({ workspace, opa, policies: 'policies' })
  const bySql = await inSql('filter in SQL, no index', owner, filtering, postgres)
  await sql`create index documents_owner on resources.documents (owner)`.execute(owner)
  const byIndex = await inSql('filter in SQL, index on owner', owner, filtering, postgres)
  await filtering.server.stop()
  await postgres.server.stop()
  say(`${documents} documents into OPA, as the article keeps them`)
  return [bySql, byIndex, await insideOpa(documents, workspace, opa)]
}

async function inSql(name: string, db: Database, opa: LocalOpa, postgres: LocalPostgres): Promise<CollectionRow> {
  const config = loadConfig({ JOBWARDEN_OPA_URL: opa.url, JOBWARDEN_OPA_TIMEOUT_MS: '5000' })
  const pdp = await OpaClient.open({ ...opaOptions(config), headers: () => ({}), onCircuitChange: () => undefined })
  try {
    let rows = 0
    const ms = await median(async () => {
      rows = await readByFilter(pdp, db)
    })
    const memoryMiB = (await residentMiB(opa.server.pid ?? 0)) + (await residentMiB(postgres.server.pid ?? 0))
    return { name, ms, rows, memoryMiB }
  } finally {
    await pdp.close()
  }
}

/** What the worker does for such a command: the filter, and the statement that reads and records. */
async function readByFilter(pdp: OpaClient, db: Database): Promise<number> {
  const type = resourceTypes.get('document')
  if (type === undefined) throw new Error('there are no documents')
  const asked = { user: USER, action: 'read', type: 'document', columns: attributeColumns(type) } as const
  const answer = (await pdp.filter(new Map([['it', asked]]))).get('it')
  if (answer === undefined || answer instanceof Failure) throw answer ?? new Error('no filter')
  const now = new Date().toISOString()
  const outcome = await new LedgerStore(db, resourceTypes).commitCollection({
    commandId: randomUUID(),
    commandDigest: 'bench',
    producer: 'bench',
    queue: 'bench',
    user: USER,
    action: 'read',
    resourceType: 'document',
    resourceId: undefined,
    request: { user: USER, action: 'read', resource: { type: 'document' } },
    issuedAt: now,
    expiresAt: now,
    inputDigest: 'bench',
    ...answer,
    where: {},
    limit: undefined,
    maxRows: 10_000,
    after: undefined,
    patch: undefined,
  })
  return outcome?.outcome === 'executed' ? outcome.count : 0
}

const ARTICLE_WAY = `package article

import rego.v1

allowed_documents contains document if {
	some document in data.documents
	allow_document(document)
}

allow_document(document) if document.owner == input.user.id

allow_document(document) if {
	input.user.role == "manager"
	document.department == input.user.department
}

allow_document(_) if input.user.role == "admin"
`

async function insideOpa(documents: number, workspace: Workspace, opa: string): Promise<CollectionRow> {
  const folder = await workspace.folder('article')
  await mkdir(join(folder, 'data'))
  await writeFile(join(folder, 'article.rego'), ARTICLE_WAY)
  await writeDocuments(join(folder, 'data', 'data.json'), documents)
  const { url, server } = await startOpa({
    workspace,
    opa,
    policies: [join(folder, 'article.rego'), join(folder, 'data', 'data.json')],
    readyWithinMs: 300_000,
  })
  let rows = 0
  const ms = await median(async () => {
    const body = JSON.stringify({ input: { user: USER } })
    const response = await fetch(`${url}/v1/data/article/allowed_documents`, { method: 'POST', body })
    const answer: unknown = await response.json()
    rows = countOf(answer)
  })
  return { name: 'all documents inside OPA', ms, rows, memoryMiB: await residentMiB(server.pid ?? 0) }
}

function countOf(answer: unknown): number {
  const isResult = typeof answer === 'object' && answer !== null && 'result' in answer && Array.isArray(answer.result)
  return isResult && Array.isArray(answer.result) ? answer.result.length : 0
}

async function writeDocuments(file: string, documents: number): Promise<void> {
  const out = createWriteStream(file)
  out.write('{"documents":[')
  for (let n = 0; n < documents; n++) {
    const document = {
      id: `doc_${n}`,
      name: `Document ${n}`,
      owner: `user_${n % OWNERS}`,
      department: 'sales',
      data: 'sensitive information',
    }
    if (!out.write(`${n === 0 ? '' : ','}${JSON.stringify(document)}`)) await once(out, 'drain')
  }
  out.end(']}')
  await once(out, 'finish')
}

async function median(run: () => Promise<void>): Promise<number> {
  const times: number[] = []
  for (let attempt = 0; attempt <= TRIES; attempt++) {
    const started = performance.now()
    await run()
    times.push(performance.now() - started)
  }
  const warm = times.slice(1).toSorted((a, b) => a - b)
  return warm[Math.floor(warm.length / 2)] ?? Number.NaN
}
