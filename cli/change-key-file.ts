import { type FileHandle, lstat, open, realpath, rename, rm, stat } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { readSettingFile, problemsIn } from '../src/config/read-setting-file.ts'
import { Failure, messageOf } from '../src/domain/failure.ts'
import { nodeCode } from '../src/domain/node-errors.ts'
import { ProducerKeys } from '../src/signing/producer-keys.ts'
import { type NewFile, writeNewFiles } from './write-new-files.ts'

/** What a file of producer keys becomes, and new files that belong to that. */
export type KeyFileChange = { readonly keys: ProducerKeys; readonly beside?: readonly NewFile[] }

/** How long another command may take that changes the same file. */
const PATIENCE_MS = 5_000

/**
 * Changes a file of producer keys, behind a link as well: it is the new one as a whole or stays as it was, with its owner
 * and mode, and two commands at once lose nothing. `<file>.lock` is both the lock and the new file, as in Git. It gives what `change`
 * has given.
 * @throws Failure JW_CONFIG_INVALID when the file cannot be used or changed, and whatever `change` throws
 */
export async function changeKeyFile<Change extends KeyFileChange>(
  named: string,
  change: (before: ProducerKeys) => Change,
  whenMissing: 'make it' | 'refuse' = 'refuse',
): Promise<Change> {
  const file = await placeOf(named, whenMissing)
  const next = `${file}.lock`
  const handle = await takeLock(next, named)
  try {
    const owned = await ownerOf(file)
    const before = owned === undefined ? { keys: [] } : await readSettingFile('--into', named, ProducerKeys)
    const changed = change(before)
    await writeNewFiles(changed.beside ?? [], async () => {
      await handle.writeFile(textOf(changed.keys, named))
      if (owned !== undefined) {
        await handle.chown(owned.uid, owned.gid)
        await handle.chmod(owned.mode & 0o7777)
      }
      await handle.sync()
      await rename(next, file)
    })
    return changed
  } catch (error) {
    await rm(next, { force: true })
    throw error instanceof Failure ? error : unchangeable(named, error)
  } finally {
    await handle.close()
  }
}

/** Where the file is, behind all links. */
async function placeOf(named: string, whenMissing: 'make it' | 'refuse'): Promise<string> {
  try {
    return await realpath(named)
  } catch (error) {
    if (nodeCode(error) !== 'ENOENT' || (await isLink(named))) throw unchangeable(named, error)
    if (whenMissing === 'make it') return named
    throw new Failure('JW_CONFIG_INVALID', `--into ${named}: there is no such file; \`jobwarden keys add\` makes one`)
  }
}

/** Whether it is a link, also one to nothing: a file in its place would not be where the link says. */
async function isLink(named: string): Promise<boolean> {
  try {
    return (await lstat(named)).isSymbolicLink()
  } catch (error) {
    if (nodeCode(error) === 'ENOENT') return false
    throw unchangeable(named, error)
  }
}

async function takeLock(lock: string, named: string): Promise<FileHandle> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    try {
      return await open(lock, 'wx', 0o600)
    } catch (error) {
      if (nodeCode(error) !== 'EEXIST') throw unchangeable(named, error)
      if (Date.now() > deadline) {
        const why = `another command is changing it, for ${lock} is there; if none is running, remove that file`
        throw new Failure('JW_CONFIG_INVALID', `--into ${named}: ${why}`, { cause: error })
      }
    }
    await pause(20)
  }
}

async function ownerOf(file: string) {
  try {
    return await stat(file)
  } catch (error) {
    if (nodeCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** @throws Failure for keys that workers would refuse */
function textOf(keys: ProducerKeys, named: string): string {
  const parsed = ProducerKeys.safeParse(keys)
  if (parsed.success) return `${JSON.stringify(parsed.data, null, 2)}\n`
  throw new Failure('JW_CONFIG_INVALID', `--into ${named} would be wrong:\n  ${problemsIn(parsed.error)}`)
}

function unchangeable(named: string, error: unknown): Failure {
  const isMounted = ['EROFS', 'EACCES', 'EPERM', 'EBUSY'].includes(nodeCode(error))
  const hint = isMounted ? '; a mounted secret is changed where it is made, and any other file by its owner' : ''
  return new Failure('JW_CONFIG_INVALID', `--into ${named}: it stays as it is: ${messageOf(error)}${hint}`, {
    cause: error,
  })
}
