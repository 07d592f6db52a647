import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { Failure, messageOf } from '../domain/failure.ts'
import { readFile } from 'node:fs/promises'

/** PEM files for TLS: the authority to trust, and the client's certificate and key for mTLS. */
export type TlsFiles = {
  readonly caFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
}

/** The content of the files, as Node takes it. */
export type TlsMaterial = { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer }

/**
 * Reads the TLS files for connections to `server`, and tries them.
 * @throws Failure JW_CONFIG_INVALID that says which file cannot be read, or why they cannot be used
 */
export function readTlsFiles(server: string, { caFile, certFile, keyFile }: TlsFiles): TlsMaterial {
  const material = {
    ...(caFile !== undefined && { ca: readPem(server, caFile) }),
    ...(certFile !== undefined && { cert: readPem(server, certFile) }),
    ...(keyFile !== undefined && { key: readPem(server, keyFile) }),
  }
  try {
    createSecureContext(material)
    return material
  } catch (error) {
    const why = `a TLS file of ${server} cannot be used: ${messageOf(error)}`
    throw new Failure('JW_CONFIG_INVALID', why, { cause: error })
  }
}

function readPem(server: string, file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    const why = `the TLS file ${file} of ${server} cannot be read: ${messageOf(error)}`
    throw new Failure('JW_CONFIG_INVALID', why, { cause: error })
  }
}

/** The characters of a header's value, without spaces. */
const TOKEN = /^[\x21-\x7e]+$/

/** Reads the bearer token in a file. @throws Error that names the file and says what is wrong with it */
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
