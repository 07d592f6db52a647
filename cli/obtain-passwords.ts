import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure, messageOf } from '../src/domain/failure.ts'

export type Password = { readonly file: string; readonly password: string; readonly isNew: boolean }

/** Shorter passwords could be guessed from the hashes in an ACL file, which more people can read than the passwords. */
const SHORTEST = 20

/**
 * Reads the password of every user from a file in the folder. A missing file is created, readable by its owner alone.
 * @throws Failure JW_CONFIG_INVALID that names the file that cannot be used
 */
export async function obtainPasswords(
  folder: string,
  users: readonly string[],
): Promise<ReadonlyMap<string, Password>> {
  const passwords = new Map<string, Password>()
  for (const user of users) passwords.set(user, await obtain(folder, user))
  return passwords
}

async function obtain(folder: string, user: string): Promise<Password> {
  const file = join(folder, `${user}.password`)
  try {
    const given = await contentOf(file)
    if (given !== undefined) return { file, password: acceptable(given, file), isNew: false }
    const password = randomBytes(32).toString('base64url')
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await writeFile(file, `${password}\n`, { mode: 0o600, flag: 'wx' })
    return { file, password, isNew: true }
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure('JW_CONFIG_INVALID', `--passwords ${file}: ${messageOf(error)}`, { cause: error })
  }
}

async function contentOf(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

function acceptable(password: string, file: string): string {
  if (password.length >= SHORTEST && !/\s/.test(password)) return password
  throw new Failure(
    'JW_CONFIG_INVALID',
    `--passwords ${file}: a password has at least ${SHORTEST} characters and no space; without the file one is made`,
  )
}
