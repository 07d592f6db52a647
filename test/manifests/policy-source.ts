import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { buildBundle, signBundle } from '../../src/policy-tools/write-bundle.ts'
import { runProgram } from '../../src/process/run-program.ts'
import type { Workspace } from '../../devkit/workspace.ts'

/** What an OPA polls: the shipped policies, signed, once `publish` was called. */
export type PolicySource = { readonly url: string; readonly publicKey: string; readonly publish: () => void }

export type PolicySourceOptions = {
  readonly workspace: Workspace
  readonly opa: string
  /** The environment, and the name of the key that signs for it. */
  readonly bundle: string
  readonly keyid: string
  readonly token: string
}

/** Stands in for the bundle server: it has nothing until it is told to publish, and answers nobody without the token. */
export async function startPolicySource(options: PolicySourceOptions): Promise<PolicySource> {
  const { workspace, opa, bundle: name, keyid, token } = options
  const folder = await workspace.folder('policies')
  const [keyFile, bundle] = [join(folder, 'key.pem'), join(folder, 'bundle.tar.gz')]
  await runProgram('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', keyFile])
  const publicKey = await runProgram('openssl', ['ec', '-in', keyFile, '-pubout'])
  const manifest = { roots: ['authz', 'data_filter', 'jobs'], metadata: {} }
  await buildBundle({ opa, policies: 'policies', out: bundle, revision: 'tested', manifest })
  await signBundle({ opa, bundle, out: bundle, keyFile, algorithm: 'ES256', keyid, scope: name })
  const content = await readFile(bundle)
  let published = false
  const server = createServer((request, response) => {
    request.resume()
    if (request.headers.authorization !== `Bearer ${token}`) response.writeHead(401).end()
    else if (request.method === 'POST') response.writeHead(200).end('{}')
    else if (published && request.url === `/bundles/${name}`)
      response.writeHead(200, { 'content-type': 'application/gzip' }).end(content)
    else response.writeHead(404).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  workspace.defer(async () => {
    server.closeAllConnections()
    await server[Symbol.asyncDispose]()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the policy source has no port')
  return { url: `http://127.0.0.1:${address.port}`, publicKey, publish: () => (published = true) }
}
