import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../src/domain/failure.ts'
import { findPrograms, pathFolders } from './find-program.ts'
import type { Account } from '../src/process/run-program.ts'

const DEBIAN_FOLDER = '/usr/lib/postgresql'

/** The programs of one PostgreSQL, and the account to run them as if it cannot be ours. */
export type PostgresPrograms = {
  readonly postgres: string
  readonly initdb: string
  readonly account: Account | undefined
}

/**
 * Looks for PostgreSQL on the PATH and then in Debian's folders, the newest first.
 * @throws Error that says what is missing
 */
export async function findPostgres(folders?: readonly string[]): Promise<PostgresPrograms> {
  const places = folders ?? [...pathFolders(), ...(await debianFolders())]
  const [postgres] = await findPrograms('postgres', places)
  const [initdb] = await findPrograms('initdb', places)
  if (postgres === undefined || initdb === undefined) throw new Error('postgres and initdb are not on the PATH')
  return { postgres, initdb, account: process.getuid?.() === 0 ? await unprivilegedAccount() : undefined }
}

async function debianFolders(): Promise<readonly string[]> {
  const versions = await readdir(DEBIAN_FOLDER).catch(() => [])
  return versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(DEBIAN_FOLDER, version, 'bin'))
}

async function unprivilegedAccount(): Promise<Account> {
  const accounts = await readAccounts()
  const account = accounts.get('postgres') ?? accounts.get('nobody')
  if (account !== undefined) return account
  throw new Error('postgres does not run as root, and there is no account `postgres` or `nobody`')
}

async function readAccounts(): Promise<ReadonlyMap<string, Account>> {
  try {
    const rows = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
    return new Map(rows.map(([name = '', , uid, gid]) => [name, { uid: Number(uid), gid: Number(gid) }]))
  } catch (error) {
    throw new Error(`postgres does not run as root; other accounts: ${messageOf(error)}`, { cause: error })
  }
}
