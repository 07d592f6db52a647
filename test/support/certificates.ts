import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runProgram } from '../../src/process/run-program.ts'
import type { Workspace } from '../../devkit/workspace.ts'

/** PEM files of a certificate and its key. */
export type Certificate = { readonly certFile: string; readonly keyFile: string }

/** Issues certificates. */
export type Authority = {
  readonly caFile: string
  /** For one alternative name, such as `IP:127.0.0.1`, and a common name; `days` below zero are over. */
  issue(name: string, days?: number, commonName?: string): Promise<Certificate>
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'] as const

/** Makes a certificate authority of one's own in a folder of the workspace. */
export async function createAuthority(workspace: Workspace): Promise<Authority> {
  const cwd = await workspace.folder('authority')
  const openssl = (...args: readonly string[]) => runProgram('openssl', args, { cwd })
  await openssl('req', '-x509', ...NEW_KEY, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=authority')
  let issued = 0
  return {
    caFile: join(cwd, 'ca.pem'),
    issue: async (name, days = 1, commonName = 'opa') => {
      const file = (extension: string) => join(cwd, `${serial}.${extension}`)
      const serial = (issued += 1)
      const [keyFile, request, certFile] = [file('key'), file('csr'), file('pem')]
      const extension = `subjectAltName=${name}`
      await openssl(
        'req',
        ...NEW_KEY,
        '-keyout',
        keyFile,
        '-out',
        request,
        '-subj',
        `/CN=${commonName}`,
        '-addext',
        extension,
      )
      const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-copy_extensions', 'copyall', '-days', `${days}`]
      await openssl('x509', '-req', '-in', request, '-out', certFile, ...signed)
      return { certFile, keyFile }
    },
  }
}

/** The certificate and its key as a server in this process takes them. */
export async function readCertificate({ certFile, keyFile }: Certificate): Promise<{ cert: string; key: string }> {
  const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')])
  return { cert, key }
}
