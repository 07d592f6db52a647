import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { requireDatabaseUrl } from '../../src/config/adapter-options.ts'
import { NO_LIMITS } from '../../src/domain/producer-limits.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import type { Config } from '../../src/config/settings.ts'
import { buildBundle } from '../../src/policy-tools/write-bundle.ts'
import { obtainOpa } from '../../devkit/obtain-opa.ts'
import { startOpa } from '../../devkit/start-opa.ts'
import { startRedis } from '../../devkit/start-redis.ts'
import type { Workspace } from '../../devkit/workspace.ts'
import { type Database, openEmbedded, openPostgres } from '../../src/storage/database.ts'
import { migrate } from '../../src/storage/migrate.ts'
import { PEOPLE } from './story.ts'

type Environment = Readonly<Record<string, string | undefined>>
export type DemoStack = { readonly config: Config; readonly database: Database; readonly keysFile: string }

/** Uses the servers that JOBWARDEN_* names, and starts all others on free ports in the workspace. */
export async function startDemoStack(
  env: Environment,
  workspace: Workspace,
  say: (line: string) => void,
): Promise<DemoStack> {
  const opaUrl = env['JOBWARDEN_OPA_URL'] ?? (await ownOpa(workspace, say))
  const redisUrl = env['JOBWARDEN_REDIS_URL'] ?? (await ownRedis(workspace, say))
  const keysFile = env['JOBWARDEN_PRODUCER_KEYS_FILE'] ?? (await ownKey(workspace))
  const config = loadConfig({
    ...env,
    JOBWARDEN_OPA_URL: opaUrl,
    JOBWARDEN_REDIS_URL: redisUrl,
    JOBWARDEN_PRODUCER_KEYS_FILE: keysFile,
    JOBWARDEN_LOG_LEVEL: env['JOBWARDEN_LOG_LEVEL'] ?? 'warn',
    // A denial only waits for the sweep if something is broken, and a demo should show that soon.
    JOBWARDEN_SWEEP_MS: env['JOBWARDEN_SWEEP_MS'] ?? '5000',
  })
  const database = openDatabase(config, say)
  workspace.defer(() => database.destroy())
  await migrate(database)
  return { config, database, keysFile }
}

/** Opens a deployment as its producer and as the owner of its database, both from JOBWARDEN_*. It is left running. */
export function openDeployedStack(
  env: Environment,
  say: (line: string) => void,
): Pick<DemoStack, 'config' | 'database'> {
  const config = loadConfig(env)
  requireDatabaseUrl(config)
  return { config, database: openDatabase(config, say) }
}

async function ownOpa(workspace: Workspace, say: (line: string) => void): Promise<string> {
  const { path } = await obtainOpa({ say })
  const bundle = await buildBundle({ opa: path, policies: 'policies', out: join(workspace.path, 'bundle.tar.gz') })
  const { url } = await startOpa({ workspace, opa: path, bundle: bundle.file })
  say(`OPA serves policies/ at ${url}, revision ${bundle.revision}`)
  return url
}

async function ownRedis(workspace: Workspace, say: (line: string) => void): Promise<string> {
  const { url } = await startRedis({ workspace, appendonly: true, say })
  say(`Redis carries the queues at ${url}`)
  return url
}

/** A producer key for this run only. */
async function ownKey(workspace: Workspace): Promise<string> {
  const file = join(workspace.path, 'producer-keys.json')
  const may = { ...NO_LIMITS, roles: [...new Set(Object.values(PEOPLE).map(({ role }) => role))] }
  const key = { kty: 'oct', kid: 'demo', alg: 'HS256', k: randomBytes(32).toString('base64url'), may }
  await writeFile(file, JSON.stringify({ keys: [key] }), { mode: 0o600 })
  return file
}

function openDatabase(config: Config, say: (line: string) => void): Database {
  const { databaseUrl: url, databaseTimeoutMs: timeoutMs, databaseConnections: maxConnections } = config
  if (url === undefined) {
    say('PostgreSQL embedded in this process (PGlite); JOBWARDEN_DATABASE_URL names a real one')
    return openEmbedded(config.dataDir)
  }
  say('PostgreSQL of JOBWARDEN_DATABASE_URL')
  return openPostgres({ url, timeoutMs, maxConnections, onError: (error) => say(error.message) })
}
