import type { Config } from './settings.ts'
import { Failure } from '../domain/failure.ts'

/** The PostgreSQL that somebody works on beside the workers. @throws Failure JW_CONFIG_INVALID when there is none to connect to */
export function requireDatabaseUrl({ databaseUrl }: Config): string {
  if (databaseUrl !== undefined) return databaseUrl
  throw new Failure('JW_CONFIG_INVALID', 'JOBWARDEN_DATABASE_URL: name the PostgreSQL to work on')
}
