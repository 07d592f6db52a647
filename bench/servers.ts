import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { NO_LIMITS } from '../src/domain/producer-limits.ts'
import { buildBundle } from '../src/policy-tools/write-bundle.ts'
import { obtainOpa } from '../devkit/obtain-opa.ts'
import type { ServerProcess } from '../devkit/server-process.ts'
import { startOpa } from '../devkit/start-opa.ts'
import { startPostgres } from '../devkit/start-postgres.ts'
import { startRedis } from '../devkit/start-redis.ts'
import type { Workspace } from '../devkit/workspace.ts'
import { type Database, openPostgres } from '../src/storage/database.ts'
import { migrate } from '../src/storage/migrate.ts'
import { BenchQueue } from './bench-queue.ts'
import { DOCUMENTS, JobMaker, ownerOf } from './jobs.ts'
import type { ServersEnv } from './rows.ts'
import { type TraceSink, startTraceSink } from './trace-sink.ts'

/** The servers of the bench, which all rows share: durable Redis and PostgreSQL, and OPA with policies/. */
export type Servers = {
  readonly env: ServersEnv
  readonly queue: BenchQueue
  readonly owner: Database
  readonly jobs: JobMaker
  readonly traceSink: TraceSink
  /** The processes of the servers, whose use of CPU and memory is measured. */
  readonly processes: { readonly redis: ServerProcess; readonly postgres: ServerProcess }
}

const PREFIX = 'bench'

export async function startServers(workspace: Workspace, say: (line: string) => void): Promise<Servers> {
  const { path: opa, version } = await obtainOpa({ say: () => undefined })
  const bundle = await buildBundle({ opa, policies: 'policies', out: join(workspace.path, 'bundle.tar.gz') })
  const [redis, policies, postgres, traceSink] = await Promise.all([
    startRedis({ workspace, appendonly: true, say }),
    // With it, Go collects garbage less often than by default, for all rows: a third less CPU for a few MiB.
    startOpa({ workspace, opa, bundle: bundle.file, env: { GOGC: '400' } }),
    startPostgres({ workspace, fsync: true, say }),
    startTraceSink(workspace),
  ])
  const k = randomBytes(32).toString('base64url')
  const jwk = { kty: 'oct', kid: 'bench', alg: 'HS256', k, may: NO_LIMITS } as const
  const keysFile = join(workspace.path, 'producer-keys.json')
  await writeFile(keysFile, JSON.stringify({ keys: [jwk] }), { mode: 0o600 })
  const owner = openPostgres({
    url: postgres.url,
    maxConnections: 1,
    timeoutMs: 30_000,
    onError: (error) => say(error.message),
  })
  workspace.defer(() => owner.destroy())
  await migrate(owner)
  const queue = new BenchQueue(redis.url, PREFIX, (error) => say(error.message))
  workspace.defer(() => queue.close())
  say(`Redis (append-only, fsync every second), OPA ${version}, PostgreSQL (fsync on): on free ports of this machine`)
  const jobwarden = {
    JOBWARDEN_REDIS_URL: redis.url,
    JOBWARDEN_QUEUE_PREFIX: PREFIX,
    JOBWARDEN_OPA_URL: policies.url,
    JOBWARDEN_DATABASE_URL: postgres.url,
    JOBWARDEN_PRODUCER_KEYS_FILE: keysFile,
    JOBWARDEN_LOG_LEVEL: 'warn',
  }
  return {
    env: { jobwarden, traceSinkUrl: traceSink.url },
    queue,
    owner,
    jobs: await JobMaker.create(jwk),
    traceSink,
    processes: { redis: redis.server, postgres: postgres.server },
  }
}

/** Brings queue and database into the same state before every run, and waits for its disk writes. */
export async function resetServers({ queue, owner }: Servers): Promise<void> {
  await queue.empty()
  await sql`truncate ledger.commands, ledger.rejections, resources.documents`.execute(owner)
  const documents = Array.from({ length: DOCUMENTS }, (_, n) => ({ id: `bench_${n}`, owner: ownerOf(n) }))
  await sql`
    insert into resources.documents (id, name, owner, department, data)
    select id, 'Document ' || id, owner, 'engineering', 'sensitive information'
      from jsonb_to_recordset(${JSON.stringify(documents)}::jsonb) as d(id text, owner text)`.execute(owner)
  await sql`vacuum analyze resources.documents`.execute(owner)
  await sql`checkpoint`.execute(owner)
}

/** How many commands with each outcome the ledger has. */
export async function ledgerCounts({ owner }: Servers): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql<{ outcome: string; count: number }>`
    select outcome, count(*)::int as count from ledger.commands group by outcome`.execute(owner)
  return new Map(rows.map(({ outcome, count }) => [outcome, count]))
}
