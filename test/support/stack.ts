import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { loadConfig } from '../../src/config/load-config.ts'
import type { Config } from '../../src/config/settings.ts'
import { buildBundle } from '../../src/policy-tools/write-bundle.ts'
import { obtainOpa } from '../../devkit/obtain-opa.ts'
import { type Workspace, openWorkspace } from '../../devkit/workspace.ts'
import { type Database, openPostgres } from '../../src/storage/database.ts'
import { migrate } from '../../src/storage/migrate.ts'
import { TEST_KEY } from './a-command.ts'
import { type Servers, startServers } from './servers.ts'

/** Real servers of one test file: Redis with an append-only file, OPA with the repository's policies, PostgreSQL. */
export type Stack = Servers & {
  readonly workspace: Workspace
  /** The database as its owner sees it. */
  readonly owner: Database
  /** The settings of a worker process on this stack, with a queue prefix of its own. */
  readonly env: (overrides?: Readonly<Record<string, string>>) => Record<string, string>
  readonly config: (overrides?: Readonly<Record<string, string>>) => Config
  close(): Promise<void>
}

export type StackOptions = {
  /** The folder of policies that OPA gets; the repository's unless told. */
  readonly policies?: string
}

let prefixes = 0

/** Starts the servers and brings the database up to date. Close it in `afterAll`. */
export async function startStack({ policies = 'policies' }: StackOptions = {}): Promise<Stack> {
  const workspace = await openWorkspace()
  try {
    const { path: program } = await obtainOpa({ say: () => undefined })
    const bundle = await buildBundle({ opa: program, policies, out: join(workspace.path, 'bundle.tar.gz') })
    const { redis, opa, postgres } = await startServers(workspace, bundle.file)
    const keysFile = join(workspace.path, 'producer-keys.json')
    await writeFile(keysFile, JSON.stringify({ keys: [TEST_KEY] }))
    const owner = openPostgres({ url: postgres.url, maxConnections: 2, timeoutMs: 10_000, onError: () => undefined })
    workspace.defer(() => owner.destroy())
    await migrate(owner)
    const env = (overrides: Readonly<Record<string, string>> = {}) => ({
      JOBWARDEN_REDIS_URL: redis.url,
      JOBWARDEN_OPA_URL: opa.url,
      JOBWARDEN_DATABASE_URL: postgres.url,
      JOBWARDEN_PRODUCER_KEYS_FILE: keysFile,
      JOBWARDEN_QUEUE_PREFIX: `test${(prefixes += 1)}`,
      JOBWARDEN_LOG_LEVEL: 'silent',
      ...overrides,
    })
    const config = (overrides: Readonly<Record<string, string>> = {}) => loadConfig(env(overrides))
    return { workspace, redis, opa, postgres, owner, env, config, close: () => workspace.close() }
  } catch (error) {
    await workspace.close()
    throw error
  }
}

/** Puts the article's three documents in place, as they are at the start. */
export async function seedDocuments(owner: Database): Promise<void> {
  await sql`
    insert into resources.documents (id, name, owner, department, data) values
      ('resource_1', 'Resource 1', 'user_123', 'engineering', 'sensitive information'),
      ('resource_2', 'Resource 2', 'user_456', 'sales', 'sensitive information'),
      ('resource_3', 'Resource 3', 'user_123', 'engineering', 'sensitive information')
    on conflict (id) do update set name = excluded.name, owner = excluded.owner, department = excluded.department,
      data = excluded.data, version = 1`.execute(owner)
}
