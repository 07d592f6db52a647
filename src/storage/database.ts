import { Kysely, PGliteDialect, PostgresDialect, sql } from 'kysely'
import { Pool } from 'pg'
import { tlsOf } from './postgres-tls.ts'
import { parsePostgresUrl } from './postgres-url.ts'
import { storeFailure } from './store-failure.ts'

/** The database roles: each process drops to the one whose work it does. */
export type DatabaseRole = 'jobwarden_authorizer' | 'jobwarden_auditor' | 'jobwarden_reader' | 'jobwarden_eraser'

export type PostgresOptions = {
  readonly url: string
  /** The role to drop to on every connection; without one, the user of the URL acts. */
  readonly role?: DatabaseRole
  /** Lets PostgreSQL refuse every write. */
  readonly readOnly?: boolean
  readonly maxConnections: number
  /** Both a connection attempt and a statement give up after this long. */
  readonly timeoutMs: number
  readonly onError: (error: Error) => void
}

/** Statements are written in SQL against the schemas of the migrations, so there is no table type to bind. */
export type Database = Kysely<never>

/**
 * Opens a pool on PostgreSQL. Connections are made when they are needed.
 * @throws Failure JW_CONFIG_INVALID when a TLS file of the URL cannot be used
 */
export function openPostgres(options: PostgresOptions): Database {
  const address = parsePostgresUrl(options.url)
  const { host, port, user, password, database } = address
  const pool = new Pool({
    host,
    port,
    user,
    password,
    database,
    ssl: tlsOf(address),
    max: options.maxConnections,
    connectionTimeoutMillis: options.timeoutMs,
    statement_timeout: options.timeoutMs,
    query_timeout: options.timeoutMs * 2,
    keepAlive: true,
    application_name: address.applicationName ?? options.role ?? 'jobwarden',
    options: [
      ...(options.role === undefined ? [] : [`-c role=${options.role}`]),
      ...(options.readOnly === true ? ['-c default_transaction_read_only=on'] : []),
    ].join(' '),
  })
  // A connection that dies is replaced by the pool; without listeners it would end the process. One that is in use has
  // none of the pool's: the statement under way fails with the same error, or else the next one.
  pool.on('error', (error) => options.onError(storeFailure(error, 'an idle connection')))
  pool.on('connect', (client) => client.on('error', () => undefined))
  return new Kysely({ dialect: new PostgresDialect({ pool }) })
}

/** Opens the embedded database: PostgreSQL in this process, in `folder`, or in memory without one. */
export function openEmbedded(folder?: string): Database {
  const pglite = async () => {
    const { PGlite } = await import('@electric-sql/pglite') // Megabytes that only the embedded database needs.
    return PGlite.create(folder)
  }
  return new Kysely({ dialect: new PGliteDialect({ pglite }) })
}

/** Resolves when the database answers. @throws the error of the driver when it does not */
export async function pingDatabase(database: Database): Promise<void> {
  await sql`select 1`.execute(database)
}
