import { readFileSync } from 'node:fs'
import { type ConnectionOptions, createSecureContext } from 'node:tls'
import { Failure, messageOf } from '../domain/failure.ts'
import type { PostgresAddress } from './postgres-url.ts'

/**
 * TLS as the URL says, in words of Node, so that no release of the driver changes what a mode means.
 * @throws Failure JW_CONFIG_INVALID when a file cannot be used
 */
export function tlsOf({ tls, caFile, certFile, keyFile }: PostgresAddress): ConnectionOptions | false {
  if (tls === 'disable') return false
  const trust = {
    ...read('ca', 'sslrootcert', caFile),
    ...read('cert', 'sslcert', certFile),
    ...read('key', 'sslkey', keyFile),
  }
  try {
    createSecureContext(trust)
  } catch (error) {
    throw unusable(`a TLS file cannot be used: ${messageOf(error)}`, error)
  }
  return {
    ...trust,
    rejectUnauthorized: tls !== 'no-verify',
    ...(tls === 'verify-ca' && { checkServerIdentity: () => undefined }),
  }
}

function read(option: string, parameter: string, file: string | undefined): ConnectionOptions {
  if (file === undefined) return {}
  try {
    return { [option]: readFileSync(file) }
  } catch (error) {
    throw unusable(`the file of ${parameter} cannot be read: ${messageOf(error)}`, error)
  }
}

function unusable(what: string, cause: unknown): Failure {
  return new Failure('JW_CONFIG_INVALID', `JOBWARDEN_DATABASE_URL: ${what}`, { cause })
}
