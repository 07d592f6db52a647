import { open, rm } from 'node:fs/promises'
import { Failure, messageOf } from '../src/domain/failure.ts'

export type NewFile = { readonly file: string; readonly text: string | Buffer; readonly mode: number }

/**
 * Writes files that do not exist yet, then does what else belongs to it. If anything of it fails, none of the files is there.
 * @throws Failure JW_CONFIG_INVALID when a file exists or cannot be written, and whatever `then` throws
 */
export async function writeNewFiles(files: readonly NewFile[], then = async () => {}): Promise<void> {
  const made: string[] = []
  try {
    for (const { file, text, mode } of files) await writeNew(file, text, mode, made)
    await then()
  } catch (error) {
    for (const file of made) await rm(file, { force: true })
    throw error
  }
}

async function writeNew(file: string, text: string | Buffer, mode: number, made: string[]): Promise<void> {
  try {
    await using handle = await open(file, 'wx', mode)
    made.push(file)
    await handle.writeFile(text)
    await handle.sync()
  } catch (error) {
    throw new Failure('JW_CONFIG_INVALID', `cannot write the key: ${messageOf(error)}`, { cause: error })
  }
}
