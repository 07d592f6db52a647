import type { Config } from '../src/config/settings.ts'
import { Failure } from '../src/domain/failure.ts'

/** The database that a command line works on. @throws Failure JW_CONFIG_INVALID when there is none to connect to */
export function requireDatabaseUrl({ databaseUrl }: Config): string {
  if (databaseUrl !== undefined) return databaseUrl
  throw new Failure('JW_CONFIG_INVALID', 'JOBWARDEN_DATABASE_URL: name the PostgreSQL to work on')
}
