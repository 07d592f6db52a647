import { type NoteKey, parseVerifierKey } from '../src/audit/tree/note-keys.ts'
import { loadConfig } from '../src/config/load-config.ts'
import { Failure, toFailure } from '../src/domain/failure.ts'
import type { Database, DatabaseRole } from '../src/storage/database.ts'
import { withDatabase } from './with-database.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Runs `use` on the database of the trail. A tree that is broken is exit status 1. */
export async function withTrail(
  env: Env,
  role: DatabaseRole,
  use: (database: Database) => Promise<void>,
): Promise<void> {
  await withDatabase(loadConfig(env), { role }, async (database) => {
    try {
      await use(database)
    } catch (error) {
      if (toFailure(error).code === 'JW_TRAIL_BROKEN') process.exitCode = 1
      throw error
    }
  })
}

/** The public key that a flag gives. @throws Failure JW_CONFIG_INVALID when it is none */
export function verifierKey(text: string): NoteKey {
  const key = parseVerifierKey(text)
  if ('refused' in key) throw new Failure('JW_CONFIG_INVALID', `--key: ${key.refused.message}`)
  return key.value
}

/** What `--key` says of itself in every command that verifies. */
export const KEY_FLAG = ['--key <key>', 'public key of the log, as `audit keygen` printed it'] as const

export const EXIT_STATUS = `
Exit status: 0 it verifies, 1 it does not, 2 wrong flags or settings, 3 PostgreSQL cannot be reached.`
