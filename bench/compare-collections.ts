import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import type { User } from '../src/domain/command.ts'
import { obtainOpa } from '../devkit/obtain-opa.ts'
import { type LocalOpa, startOpa } from '../devkit/start-opa.ts'
import { type LocalPostgres, startPostgres } from '../devkit/start-postgres.ts'
import type { Workspace } from '../devkit/workspace.ts'
import { type Database, openPostgres } from '../src/storage/database.ts'
import { migrate } from '../src/storage/migrate.ts'
import { type CollectionRow, type Found, OWNERS, USER, type Way, median, openWays } from './collection-ways.ts'
import { insideOpa } from './inside-opa.ts'
import { liveHeapBytes, residentMiB } from './resident-memory.ts'

/** The measurements, and one line for each promise. */
export type Comparison = { readonly rows: readonly CollectionRow[]; readonly verdicts: readonly string[] }

const MORE_READS = 20

const ADMIN = { id: 'admin_1', role: 'admin' } as const

/** Reads one user's documents among many: with a trusted filter, with every row decided, and all inside OPA. */
export async function compareCollections(
  documents: number,
  workspace: Workspace,
  say: (line: string) => void,
): Promise<Comparison> {
  const { path: opa } = await obtainOpa({ say: () => undefined })
  const postgres = await startPostgres({ workspace, fsync: true, say })
  const owner = await seed(documents, postgres, say)
  workspace.defer(() => owner.destroy())
  const shipped = await startOpa({ workspace, opa, policies: 'policies' })
  const limit = 1 + documents / OWNERS
  const measure = (name: string, way: Way, user = USER, most = limit) =>
    measured(name, () => way(user, most), shipped, postgres)

  const { filterAlone, everyRowDecided, close } = await openWays(owner, shipped)
  const rows = [
    await measure('filter alone, no index', filterAlone),
    await measure('every row decided, no index', everyRowDecided),
  ]
  await sql`create index documents_owner on resources.documents (owner)`.execute(owner)
  const alone = await measure('filter alone, index on owner', filterAlone)
  const decided = await measure('every row decided, index on owner', everyRowDecided)
  rows.push(alone, decided)
  rows.push(await measure('every row decided, 10,000 rows', everyRowDecided, ADMIN, 10_000))
  const before = liveHeapBytes()
  for (let read = 0; read < MORE_READS; read++) await everyRowDecided(ADMIN, 10_000)
  const growth = liveHeapBytes() / before
  await close()
  await shipped.server.stop()

  const { row: inexact, examined } = await readInexact(workspace, opa, owner, postgres, limit)
  rows.push(inexact)
  await postgres.server.stop()
  say(`${documents} documents into OPA, as the article keeps them`)
  const article = await insideOpa(documents, workspace, opa)
  rows.push(article)
  return {
    rows,
    verdicts: [
      verdict('every row decided costs at most 3 times the filter alone', decided.ms / alone.ms, (ratio) => ratio <= 3),
      verdict(
        'every row decided is 20 times faster than all documents inside OPA',
        article.ms / decided.ms,
        (ratio) => ratio >= 20,
      ),
      verdict(`${MORE_READS} more reads of 10,000 rows leave nothing in memory`, growth, (ratio) => ratio <= 1.1),
      `a policy that no filter expresses ends after ${examined} rows, and says where to continue`,
    ],
  }
}

async function seed(documents: number, { url }: LocalPostgres, say: (line: string) => void): Promise<Database> {
  const owner = openPostgres({ url, maxConnections: 2, timeoutMs: 300_000, onError: (error) => say(error.message) })
  await migrate(owner)
  say(`${documents} documents into PostgreSQL`)
  await sql`
    insert into resources.documents (id, name, owner, department, data)
    select 'doc_' || n, 'Document ' || n, 'user_' || n % ${OWNERS}::int, 'sales', 'sensitive information'
      from generate_series(0, ${documents - 1}::int) n`.execute(owner)
  await sql`vacuum analyze resources.documents`.execute(owner)
  return owner
}

/** A policy that no filter can express: its collections are examined up to the cap. */
async function readInexact(
  workspace: Workspace,
  opa: string,
  db: Database,
  postgres: LocalPostgres,
  limit: number,
): Promise<{ row: CollectionRow; examined: number }> {
  const folder = await workspace.folder('inexact')
  await mkdir(join(folder, 'data_filter'))
  const rule =
    'package data_filter\n\ndefault allow := false\n\nallow if lower(input.resource.owner) == input.user.id\n'
  await writeFile(join(folder, 'data_filter', 'data_filter.rego'), rule)
  const inexact = await startOpa({ workspace, opa, policies: ['policies/authz', 'policies/jobs', folder] })
  const { everyRowDecided, close } = await openWays(db, inexact)
  let examined = 0
  const admin: User = Object.assign({}, USER, { role: 'admin' })
  const run = async () => {
    const found = await everyRowDecided(admin, limit)
    examined = found.examined ?? 0
    return found
  }
  const row = await measured('an inexact policy, up to its cap', run, inexact, postgres)
  await close()
  await inexact.server.stop()
  return { row, examined }
}

async function measured(
  name: string,
  run: () => Promise<Found>,
  opa: LocalOpa,
  postgres: LocalPostgres,
): Promise<CollectionRow> {
  let rows = 0
  const ms = await median(async () => {
    rows = (await run()).count
  })
  const memoryMiB = (await residentMiB(opa.server.pid ?? 0)) + (await residentMiB(postgres.server.pid ?? 0))
  return { name, ms, rows, memoryMiB }
}

function verdict(promise: string, ratio: number, keeps: (ratio: number) => boolean): string {
  return `${promise}: ${keeps(ratio) ? 'yes' : 'NO'}, ${ratio.toFixed(1)}`
}
