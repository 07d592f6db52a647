import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Failure } from '../../../src/domain/failure.ts'
import { type LocalPostgres, startPostgres } from '../../../devkit/start-postgres.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { type Database, openPostgres } from '../../../src/storage/database.ts'
import { migrate, openMigrated } from '../../../src/storage/migrate.ts'
import { openFit } from '../../../src/storage/postgres-fitness.ts'
import { type Authority, createAuthority } from '../../support/certificates.ts'
import { startPooler, startStandby, tlsSettings } from '../../support/odd-postgres.ts'
import { eventually } from '../../support/ledger.ts'
import { runCli } from '../../support/run-cli.ts'
import { TcpProxy } from '../../support/tcp-proxy.ts'

let workspace: Workspace
let authority: Authority
let postgres: LocalPostgres
let owner: Database
let proxy: TcpProxy

const COMMON = { maxConnections: 1, timeoutMs: 10_000, onError: () => undefined }

beforeAll(async () => {
  workspace = await openWorkspace()
  authority = await createAuthority(workspace)
  const hba = join(workspace.path, 'pg_hba.conf')
  await writeFile(
    hba,
    `host all locked 127.0.0.1/32 scram-sha-256
host all barred 127.0.0.1/32 reject
host all all 127.0.0.1/32 trust
host replication all 127.0.0.1/32 trust
`,
  )
  const tls = await tlsSettings(workspace, await authority.issue('IP:127.0.0.1', 1, 'postgres'))
  postgres = await startPostgres({ workspace, fsync: false, settings: { ...tls, hba_file: hba } })
  owner = openPostgres({ ...COMMON, url: postgres.url })
  workspace.defer(() => owner.destroy())
  await migrate(owner)
  proxy = await TcpProxy.open(postgres.port)
  workspace.defer(() => proxy.close())
  for (const login of ['locked', 'barred', 'stranger']) await run(`create role ${login} login password 's3cret'`)
  await run('grant jobwarden_authorizer, jobwarden_reader to locked')
})
afterAll(() => workspace.close())

const run = (text: string) => sql.raw(text).execute(owner)

const at = (change: { user?: string; database?: string; query?: string; port?: number }) => {
  const url = new URL(postgres.url)
  if (change.user !== undefined) url.href = url.href.replace('postgres@', `${change.user}@`)
  url.pathname = `/${change.database ?? 'postgres'}`
  url.search = change.query ?? ''
  url.port = String(change.port ?? postgres.port)
  return url.href
}

/** How many connections that are to be reset are in this state. */
async function inState(state: 'active' | 'idle'): Promise<number> {
  const of = sql`select from pg_stat_activity where application_name = 'reset' and state = ${state}`
  return (await of.execute(owner)).rows.length
}

/** How opening as a worker ends: with `open`, or with the message of the failure. */
async function opening(url: string): Promise<string> {
  try {
    const database = await openMigrated({ ...COMMON, url, role: 'jobwarden_authorizer' })
    await database.destroy()
    return 'open'
  } catch (error) {
    if (error instanceof Failure) return error.message
    throw error
  }
}

/** The same for the user of the URL, who sees whether the connection has TLS. */
async function tlsOf(url: string): Promise<string> {
  try {
    const database = await openFit({ ...COMMON, url })
    const { rows } = await sql<{ tls: boolean }>`
      select ssl as tls from pg_stat_ssl where pid = pg_backend_pid()`.execute(database)
    await database.destroy()
    return `open, TLS ${rows[0]?.tls === true ? 'on' : 'off'}`
  } catch (error) {
    if (error instanceof Failure) return error.message
    throw error
  }
}

describe('sslmode', () => {
  const UNTRUSTED =
    /^JW_STORE_REFUSED: .*certificate.*; the certificate of PostgreSQL is not trusted: name its authority/
  const [ON, OFF] = [/^open, TLS on$/, /^open, TLS off$/]
  const modes: readonly (readonly [query: string, right: RegExp, elsewhere: RegExp])[] = [
    ['', OFF, OFF],
    ['sslmode=disable', OFF, OFF],
    ['sslmode=no-verify', ON, ON],
    ['sslmode=require', UNTRUSTED, UNTRUSTED],
    ['sslmode=verify-full', UNTRUSTED, UNTRUSTED],
    ['sslmode=require&sslrootcert=CA', ON, /^JW_STORE_REFUSED: .*cert's list/],
    ['sslmode=verify-full&sslrootcert=CA', ON, /^JW_STORE_REFUSED: .*cert's list/],
    ['sslmode=verify-ca&sslrootcert=CA', ON, ON],
    ['sslmode=verify-ca&sslrootcert=OTHER', UNTRUSTED, UNTRUSTED],
  ]
  let elsewhere: LocalPostgres
  let query: (text: string) => string

  beforeAll(async () => {
    const other = await createAuthority(workspace)
    query = (text) => text.replace('CA', authority.caFile).replace('OTHER', other.caFile)
    const tls = await tlsSettings(workspace, await authority.issue('DNS:elsewhere', 1, 'elsewhere'))
    elsewhere = await startPostgres({ workspace, fsync: false, settings: tls })
  })
  afterAll(() => elsewhere.server.stop())

  test.each(modes)('%s', async (text, right, other) => {
    const [here, there] = [
      await tlsOf(at({ query: query(text) })),
      await tlsOf(at({ query: query(text), port: elsewhere.port })),
    ]
    expect(here).toMatch(right)
    expect(there).toMatch(other)
  })

  test('is refused where the server has no TLS', async () => {
    const { url, server } = await startPostgres({ workspace, fsync: false })
    expect(await opening(`${url}?sslmode=no-verify`)).toMatch(
      /^JW_STORE_REFUSED: .*does not support SSL connections; turn TLS on there, or write sslmode=disable/,
    )
    await server.stop()
  })

  test.each([
    ['sslmode=prefer', /sslmode must be disable, no-verify, verify-ca, require, verify-full/],
    ['sslmode=requireX', /sslmode must be disable,/],
    ['uselibpqcompat=true', /an unknown query parameter; the known ones are host, sslmode/],
    ['options=-c%20role%3Dpostgres', /an unknown query parameter/],
    ['sslrootcert=/ca.pem', /names TLS files \(sslrootcert\), but TLS is off/],
    ['sslmode=verify-ca', /sslmode=verify-ca needs sslrootcert/],
    ['sslmode=no-verify&sslrootcert=/ca.pem', /sslrootcert means nothing/],
    ['sslmode=verify-full&sslcert=/c.pem', /mTLS needs both sslcert and sslkey/],
    ['host=elsewhere', /whole path of the folder of a Unix socket/],
    ['sslmode=verify-full&sslrootcert=/missing.pem', /the file of sslrootcert cannot be read: ENOENT/],
    ['sslmode=verify-full&sslrootcert=/etc/passwd&sslcert=/etc/passwd&sslkey=/etc/passwd', /a TLS file cannot be used/],
  ])('%s is wrong, and the setting is named', async (text, complaint) => {
    const env = { JOBWARDEN_DATABASE_URL: at({ user: 'locked:s3cret', query: text }) }
    const { status, stderr } = await runCli('cli/jobwarden.ts', ['denials'], { env })
    expect(stderr).toMatch(/JW_CONFIG_INVALID: \s*JOBWARDEN_DATABASE_URL: /)
    expect(stderr).toMatch(complaint)
    expect(stderr).not.toContain('s3cret')
    expect(status).toBe(2)
  })
})

describe('a login that PostgreSQL refuses', () => {
  const logins: readonly (readonly [who: string, change: Parameters<typeof at>[0], complaint: RegExp])[] = [
    [
      'a wrong password',
      { user: 'locked:QXZQXZ' },
      /authentication failed .*28P01.*; look at the user and the password/,
    ],
    ['no password', { user: 'locked' }, /; give the user of JOBWARDEN_DATABASE_URL its password$/],
    ['a user who may not connect', { user: 'barred:s3cret' }, /pg_hba\.conf rejects.*28000.*pg_hba\.conf/],
    ['a user that is not there', { user: 'nobody_here' }, /role "nobody_here" does not exist.*28000/],
    ['a database that is not there', { database: 'nowhere' }, /"nowhere" does not exist.*3D000.*; look at the name/],
    [
      'a user without the role',
      { user: 'stranger' },
      /permission denied to set role "jobwarden_authorizer".*grant the/,
    ],
  ]
  test.each(logins)('%s', async (_what, change, complaint) => {
    const message = await opening(at(change))
    expect(message).toMatch(/^JW_STORE_REFUSED: open the database as jobwarden_authorizer/)
    expect(message).toMatch(complaint)
    expect(message).not.toMatch(/QXZ|s3cret/)
  })

  test('a cluster without the roles, by the command that makes them', async () => {
    const { url, server } = await startPostgres({ workspace, fsync: false })
    expect(await opening(url)).toMatch(/^JW_STORE_REFUSED: .*does not exist.*; run `npx jobwarden migrate`/)
    await server.stop()
  })

  test('connections that are all taken are an outage', async () => {
    await run('alter role locked connection limit 0')
    expect(await opening(at({ user: 'locked:s3cret' }))).toMatch(/^JW_STORE_UNAVAILABLE: .*53300/)
    await run('alter role locked connection limit -1')
    expect(await opening(at({ user: 'locked:s3cret' }))).toBe('open')
  })

  test('migrating as a user who may not make roles says so, with the right code', async () => {
    const env = { JOBWARDEN_DATABASE_URL: at({ user: 'stranger', database: 'template1' }) }
    const { status, stderr } = await runCli('cli/jobwarden.ts', ['migrate'], { env })
    expect(stderr).toMatch(/^JW_STORE_REFUSED: migration .*permission denied.*as the owner/)
    expect(status).toBe(3)
  })
})

describe('a connection that is reset costs what it was used for, and not the process:', () => {
  test.each<[string, (database: Database, reset: () => void) => Promise<unknown>]>([
    [
      'in a statement',
      async (database, reset) => {
        const asleep = sql`select pg_sleep(60)`.execute(database)
        await eventually(async () => (await inState('active')) > 0 || undefined)
        reset()
        return asleep
      },
    ],
    [
      'between two statements',
      (database, reset) =>
        database.connection().execute(async (held) => {
          await sql`select 1`.execute(held)
          reset()
          await eventually(async () => (await inState('idle')) === 0 || undefined)
          return sql`select 1`.execute(held)
        }),
    ],
  ])('%s', async (_when, use) => {
    const database = openPostgres({ ...COMMON, url: at({ port: proxy.port, query: 'application_name=reset' }) })
    try {
      await expect(use(database, () => proxy.reset())).rejects.toThrow(/ECONNRESET|terminated|not queryable/)
      expect((await sql<{ one: number }>`select 1 as one`.execute(database)).rows).toEqual([{ one: 1 }])
    } finally {
      await database.destroy()
    }
  })
})

describe('a PostgreSQL that is not fit is refused before a command is taken:', () => {
  const create = (name: string, encoding = 'UTF8') =>
    run(`create database ${name} encoding '${encoding}' template template0 lc_collate 'C' lc_ctype 'C'`)

  test.each([['SQL_ASCII'], ['LATIN1']])('%s', async (encoding) => {
    await create(encoding.toLowerCase(), encoding)
    const url = at({ database: encoding.toLowerCase() })
    const { status, stderr } = await runCli('cli/jobwarden.ts', ['migrate'], {
      env: { JOBWARDEN_DATABASE_URL: url },
    })
    expect(stderr).toMatch(
      `JW_STORE_UNFIT: the encoding of the database is ${encoding}; create it with \`encoding 'UTF8'\``,
    )
    expect(status).toBe(3)
  })

  const settings: readonly (readonly [setting: string, value: string, complaint: RegExp])[] = [
    ['default_transaction_read_only', 'on', /^JW_STORE_UNFIT: transactions are read-only here; set default_tr/],
    ['standard_conforming_strings', 'off', /^JW_STORE_UNFIT: standard_conforming_strings is off; set it to on$/],
    ['DateStyle', 'German', /^JW_STORE_UNFIT: DateStyle is not ISO; set it to ISO$/],
  ]
  test.each(settings)('%s = %s', async (setting, value, complaint) => {
    const database = setting.toLowerCase()
    await create(database)
    await run(`alter database ${database} set ${setting} = '${value}'`)
    expect(await opening(at({ database }))).toMatch(complaint)
  })

  test('a standby; denials may be read from it', async () => {
    const url = await startStandby(workspace, postgres)
    expect(await opening(url)).toBe('JW_STORE_UNFIT: this server is a standby and takes no writes; name the primary')
    const { status, stdout } = await runCli('cli/jobwarden.ts', ['denials'], {
      env: { JOBWARDEN_DATABASE_URL: url },
    })
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'no denials\n' })
  })

  test('a pooler that drops the role', async () => {
    const port = await startPooler(workspace, postgres.port)
    expect(await opening(at({ port }))).toMatch(
      /^JW_STORE_UNFIT: connections act as "postgres" and not as jobwarden_authorizer: a pooler drops the role; connect/,
    )
  })

  test('all of it at once', async () => {
    const port = await startPooler(workspace, postgres.port)
    await run(`alter database latin1 set default_transaction_read_only = on`)
    expect(await opening(at({ port, database: 'latin1' }))).toMatch(/LATIN1.*; transactions.*; connections act/)
  })
})
