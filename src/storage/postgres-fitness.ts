import { sql } from 'kysely'
import { z } from 'zod'
import { Failure } from '../domain/failure.ts'
import { type Database, type DatabaseRole, type PostgresOptions, openPostgres } from './database.ts'
import { storeFailure } from './store-failure.ts'

/** What a process needs of PostgreSQL. */
export type Needs = {
  /** The role to which its connections drop. */
  readonly role?: DatabaseRole | undefined
  readonly writes: boolean
}

/** The oldest release that the tests run on. */
const OLDEST = 15

const Look = z.object({
  version: z.number(),
  encoding: z.string(),
  standby: z.boolean(),
  read_only: z.string(),
  escapes: z.string(),
  date_style: z.string(),
  user: z.string(),
})

/**
 * Looks once at a PostgreSQL that a process is about to use.
 * @throws Failure JW_STORE_UNFIT that says all of what it lacks; JW_STORE_UNAVAILABLE | JW_STORE_REFUSED
 */
export async function requireFitPostgres(database: Database, needs: Needs): Promise<void> {
  let rows: unknown[]
  try {
    ;({ rows } = await sql`
      select current_setting('server_version_num')::int / 10000 as version,
             current_setting('server_encoding') as encoding,
             pg_is_in_recovery() as standby,
             current_setting('transaction_read_only') as read_only,
             current_setting('standard_conforming_strings') as escapes,
             current_setting('DateStyle') as date_style,
             current_user::text as "user"`.execute(database))
  } catch (error) {
    throw storeFailure(error, `open the database as ${needs.role ?? 'its user'}`)
  }
  const problems = problemsOf(Look.parse(rows[0]), needs)
  if (problems.length > 0) throw new Failure('JW_STORE_UNFIT', problems.join('; '))
}

/**
 * Opens a PostgreSQL that is fit for what its role does.
 * @throws Failure as `requireFitPostgres`, JW_CONFIG_INVALID when a TLS file cannot be used; then the pool is closed again
 */
export async function openFit(options: PostgresOptions): Promise<Database> {
  const { role, readOnly = false } = options
  const database = openPostgres(options)
  try {
    await requireFitPostgres(database, { role, writes: role !== 'jobwarden_reader' && !readOnly })
    return database
  } catch (error) {
    await database.destroy()
    throw error
  }
}

function problemsOf(look: z.infer<typeof Look>, { role, writes }: Needs): string[] {
  const problems: string[] = []
  if (look.version < OLDEST) problems.push(`this is PostgreSQL ${look.version}; ${OLDEST} is the oldest that will do`)
  if (look.encoding !== 'UTF8')
    problems.push(`the encoding of the database is ${look.encoding}; create it with \`encoding 'UTF8'\``)
  if (writes && look.standby) problems.push('this server is a standby and takes no writes; name the primary')
  else if (writes && look.read_only === 'on')
    problems.push('transactions are read-only here; set default_transaction_read_only to off')
  if (look.escapes !== 'on') problems.push('standard_conforming_strings is off; set it to on')
  if (!look.date_style.startsWith('ISO')) problems.push('DateStyle is not ISO; set it to ISO')
  if (role !== undefined && look.user !== role)
    problems.push(
      `connections act as "${look.user}" and not as ${role}: a pooler drops the role; connect to PostgreSQL itself`,
    )
  return problems
}
