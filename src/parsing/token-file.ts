import { readFile } from 'node:fs/promises'
import { messageOf } from '../domain/failure.ts'

/** The characters of a header's value, without spaces. */
const TOKEN = /^[\x21-\x7e]+$/

/** The bearer token that a file holds. @throws Error that names the file and says why it has none */
export async function readTokenFile(file: string): Promise<string> {
  let token: string
  try {
    token = (await readFile(file, 'utf8')).trim()
  } catch (error) {
    throw new Error(`cannot read the token file ${file}: ${messageOf(error)}`, { cause: error })
  }
  if (!TOKEN.test(token)) throw new Error(`the token file ${file} does not hold one token`)
  return token
}
